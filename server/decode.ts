// What people and files give, checked and decoded by valibot; what is wrong with it, in plain words.
import * as v from 'valibot'

export type Path = readonly (string | number)[]

export interface Mistake {
  readonly path: Path
  readonly message: string
}

/** One mistake for each value is enough, and no value is left out. */
const READING = { abortPipeEarly: true, message: words }

/** Everything that is wrong with `value`, or what it decodes to. */
export function decode<const S extends v.GenericSchema>(
  schema: S,
  value: unknown
): { readonly value?: v.InferOutput<S>; readonly mistakes: readonly Mistake[] } {
  const { success, output, issues } = v.safeParse(schema, value, READING)
  return success ? { value: output, mistakes: [] } : { mistakes: issues.map(mistake) }
}

export function integer(from: number, to: number) {
  const whole = 'must be integer'
  return v.pipe(v.number(whole), v.safeInteger(whole), v.minValue(from), v.maxValue(to))
}

export function oneOf<const T extends readonly (string | number)[]>(...values: T) {
  return v.picklist(values, `must be one of ${values.join(', ')}`)
}

/** Text that `parse` understands, decoded to what it makes of it. */
export function parsed<T>(what: string, parse: (value: string) => T | undefined) {
  const message = `must be ${what}`
  return v.pipe(
    v.string(message),
    v.rawTransform(({ dataset, addIssue, NEVER }): T => {
      const read = parse(dataset.value)
      if (read !== undefined) return read
      addIssue({ message })
      return NEVER
    })
  )
}

/** No array, which valibot's objects take. `T` is for the rest of the pipe to check. */
export function plainObject<T extends object>() {
  const is = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
  return v.custom<T>(is, 'must be object')
}

/** Other keys may be there. */
export function openObject<const E extends v.ObjectEntries>(entries: E) {
  const object = v.looseObject(entries)
  return v.pipe(plainObject<v.InferInput<typeof object>>(), object)
}

/** No other key passes: a misspelt one must not look as if it had been taken. Each is told; `v.strictObject` stops at the first. */
export function closedObject<const E extends v.ObjectEntries>(entries: E) {
  const object = v.object(entries)
  const message = `unknown key; known here: ${Object.keys(entries).join(', ')}`
  return v.pipe(
    plainObject<Readonly<Record<string, unknown>>>(),
    v.rawTransform(({ dataset: { value: input }, addIssue, NEVER }): v.InferOutput<typeof object> => {
      const unknown = Object.entries(input).filter(([key]) => !Object.hasOwn(entries, key))
      for (const [key, value] of unknown) {
        addIssue({ message, path: [{ type: 'object', origin: 'key', input, key, value }] })
      }
      const read = v.safeParse(object, input, READING)
      for (const issue of read.issues ?? []) addIssue({ message: issue.message, input: issue.input, path: issue.path })
      return read.success ? read.output : NEVER
    })
  )
}

function mistake({ path, input, message }: v.BaseIssue<unknown>): Mistake {
  const keys = path?.map(({ key }) => (typeof key === 'number' ? key : String(key))) ?? []
  return { path: keys, message: input === undefined ? 'is missing' : message }
}

/** For a schema without words of its own. */
function words({ type, requirement }: v.BaseIssue<unknown>): string {
  switch (type) {
    case 'min_value':
      return `must be >= ${requirement}`
    case 'max_value':
      return `must be <= ${requirement}`
    case 'non_empty':
      return 'must not be empty'
    case 'max_length':
      return `must have at most ${requirement} characters`
    case 'regex':
      return `must match ${requirement instanceof RegExp ? requirement.source : requirement}`
    default:
      return `must be ${type}`
  }
}
