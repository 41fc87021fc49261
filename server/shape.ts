// Values that people and files give, checked and decoded: one shape is the type, the check and the defaults. Pure, and
// small: the schema library of the admin API costs a daemon 13 MB of memory, and a quarter of a second of its start.

export type Path = readonly (string | number)[]

export interface Mistake {
  readonly path: Path
  readonly message: string
}

/** What a value must be like, and what becomes of it. */
export interface Shape<T> {
  /** Undefined when the value is not as it should be; then at least one mistake has been added. */
  readonly read: (value: unknown, at: Path, mistakes: Mistake[]) => T | undefined
}

export type Decoded<S> = S extends Shape<infer T> ? T : never

/** A field that may be left out. */
export interface OptionalShape<T> extends Shape<T> {
  readonly isOptional: true
}

export type Fields = Readonly<Record<string, Shape<unknown>>>
type OptionalKeys<F> = { [K in keyof F]: F[K] extends OptionalShape<unknown> ? K : never }[keyof F]
type DecodedFields<F> = { [K in Exclude<keyof F, OptionalKeys<F>>]: Decoded<F[K]> } & {
  [K in OptionalKeys<F>]?: Decoded<F[K]>
}

export interface ObjectShape<F extends Fields> extends Shape<{ [K in keyof DecodedFields<F>]: DecodedFields<F>[K] }> {
  readonly fields: F
}

/** Everything that is wrong with `value`, or what it decodes to. */
export function decode<T>(shape: Shape<T>, value: unknown): { readonly value?: T; readonly mistakes: Mistake[] } {
  const mistakes: Mistake[] = []
  const read = shape.read(value, [], mistakes)
  return mistakes.length > 0 || read === undefined ? { mistakes } : { value: read, mistakes }
}

/** What takes the place of a value that is left out, as if it had been given. */
export function withDefault<T>(shape: Shape<T>, value: unknown): Shape<T> {
  return { read: (given, at, mistakes) => shape.read(given === undefined ? value : given, at, mistakes) }
}

export function optional<T>(shape: Shape<T>): OptionalShape<T> {
  return { ...shape, isOptional: true }
}

export function boolean(): Shape<boolean> {
  return leaf((value) => typeof value === 'boolean', 'must be boolean')
}

export function integer({ from, to }: { readonly from: number; readonly to: number }): Shape<number> {
  const number = leaf((value): value is number => Number.isSafeInteger(value), 'must be integer')
  return refined(number, (value) => (value < from ? `must be >= ${from}` : value > to ? `must be <= ${to}` : undefined))
}

export interface TextLimits {
  readonly shortest?: number
  readonly longest?: number
}

export function text({ shortest = 0, longest = Number.POSITIVE_INFINITY }: TextLimits = {}): Shape<string> {
  const string = leaf((value) => typeof value === 'string', 'must be string')
  return refined(string, ({ length }) => {
    if (length < shortest) return shortest === 1 ? 'must not be empty' : `must have at least ${shortest} characters`
    return length > longest ? `must have at most ${longest} characters` : undefined
  })
}

export function matching(pattern: RegExp, message = `must match ${pattern.source}`): Shape<string> {
  return refined(text(), (value) => (pattern.test(value) ? undefined : message))
}

export function oneOf<const T extends string | number>(...values: readonly T[]): Shape<T> {
  return leaf((value): value is T => values.some((one) => one === value), `must be one of ${values.join(', ')}`)
}

/** Text that `parse` understands, decoded to what it makes of it. */
export function parsed<T>(what: string, parse: (value: string) => T | undefined): Shape<T> {
  return {
    read(value, at, mistakes) {
      const text = typeof value === 'string' ? parse(value) : undefined
      if (text === undefined) mistakes.push({ path: at, message: `must be ${what}` })
      return text
    }
  }
}

/** @param complaint says what is wrong with a value of the shape; undefined: nothing. */
export function refined<T>(shape: Shape<T>, complaint: (value: T) => string | undefined): Shape<T> {
  return {
    read(value, at, mistakes) {
      const read = shape.read(value, at, mistakes)
      const message = read === undefined ? undefined : complaint(read)
      if (message === undefined) return read
      mistakes.push({ path: at, message })
      return undefined
    }
  }
}

export function list<T>(items: Shape<T>): Shape<readonly T[]> {
  return {
    read(value, at, mistakes) {
      if (!Array.isArray(value)) return refuse(at, 'must be array', mistakes)
      const read: T[] = []
      for (const [index, given] of value.entries()) {
        const item = items.read(given, [...at, index], mistakes)
        if (item !== undefined) read.push(item)
      }
      return read.length === value.length ? read : undefined
    }
  }
}

/** Any keys, and values of one shape. */
export function record<T>(values: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return {
    read(value, at, mistakes) {
      if (!isObject(value)) return refuse(at, 'must be object', mistakes)
      const entries = Object.entries(value).map(
        ([key, item]) => [key, values.read(item, [...at, key], mistakes)] as const
      )
      return fromEntries<Record<string, T>>(entries)
    }
  }
}

/** No other key passes: a misspelt one must not look as if it had been taken. */
export function object<F extends Fields>(fields: F): ObjectShape<F> {
  const message = `unknown key; known here: ${Object.keys(fields).join(', ')}`
  return {
    fields,
    read(value, at, mistakes) {
      if (!isObject(value)) return refuse(at, 'must be object', mistakes)
      for (const key of Object.keys(value)) {
        if (!Object.hasOwn(fields, key)) mistakes.push({ path: [...at, key], message })
      }
      return fromEntries(readFields(fields, value, at, mistakes))
    }
  }
}

/** Other keys are kept as they are. */
export function openObject<F extends Fields>(fields: F): ObjectShape<F> {
  return {
    fields,
    read(value, at, mistakes) {
      if (!isObject(value)) return refuse(at, 'must be object', mistakes)
      return fromEntries([...new Map([...Object.entries(value), ...readFields(fields, value, at, mistakes)])])
    }
  }
}

type Entry = readonly [key: string, value: unknown]

function readFields(fields: Fields, value: Readonly<Record<string, unknown>>, at: Path, mistakes: Mistake[]): Entry[] {
  return Object.entries(fields).flatMap(([key, shape]): Entry[] => {
    const given = Object.hasOwn(value, key) ? value[key] : undefined
    if (given === undefined && 'isOptional' in shape) return []
    return [[key, readField(shape, given, [...at, key], mistakes)]]
  })
}

/** One that is left out is missing, unless it has a default. */
function readField(shape: Shape<unknown>, given: unknown, at: Path, mistakes: Mistake[]): unknown {
  if (given !== undefined) return shape.read(given, at, mistakes)
  const own: Mistake[] = []
  const read = shape.read(undefined, at, own)
  if (own.length > 0) mistakes.push({ path: at, message: 'is missing' })
  return read
}

/** The entries are those that `T` has, each read by its shape. */
function fromEntries<T>(entries: readonly Entry[]): T | undefined {
  return entries.some(([, value]) => value === undefined) ? undefined : (Object.fromEntries(entries) as T)
}

function leaf<T>(is: (value: unknown) => value is T, message: string): Shape<T> {
  return { read: (value, at, mistakes) => (is(value) ? value : refuse(at, message, mistakes)) }
}

function refuse(path: Path, message: string, mistakes: Mistake[]): undefined {
  mistakes.push({ path, message })
  return undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
