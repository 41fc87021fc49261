// Requests against their schemas, and what a schema refused in words: which field, and what it should have been.
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { TLocalizedValidationError } from 'typebox/error'
import Value from 'typebox/value'
import type { FieldError } from './problem.ts'
import { PATTERN_WORDS } from './schema.ts'

/** One fault as the schema library reports it. */
interface Fault {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string | undefined
}

export interface RequestPart {
  readonly schema: TSchema
  /** `body`, `params`, `querystring`, `headers`. */
  readonly httpPart?: string
}

export type Verdict = { readonly value: unknown } | { readonly error: TLocalizedValidationError[] }

/** A body is taken as it is; what comes as text in the URL is read as the type that the schema names. */
export function compileValidator({ schema, httpPart }: RequestPart): (given: unknown) => Verdict {
  const compiled = Compile(schema)
  return (given) => {
    const value = httpPart === 'body' ? given : Value.Default(schema, Value.Convert(schema, given))
    return compiled.Check(value) ? { value } : { error: compiled.Errors(value) }
  }
}

/**
 * @param part of the request: `body`, `params`, `querystring`, `headers`.
 */
export function fieldErrors(faults: readonly Fault[], part: string | undefined): FieldError[] {
  const root = part === 'querystring' ? 'query' : (part ?? 'request')
  const told = new Map<string, FieldError>()
  for (const fault of faults) {
    for (const error of inWords(fault, root)) {
      // One sentence a field: the first is the most telling, later ones follow from it.
      if (!told.has(error.field)) told.set(error.field, error)
    }
  }
  return [...told.values()]
}

function inWords(fault: Fault, root: string): FieldError[] {
  const field = [root, ...fault.instancePath.split('/').slice(1).map(unescapePointer)].join('.')
  const { params } = fault
  switch (fault.keyword) {
    case 'required':
      return strings(params.requiredProperties).map((name) => ({ field: `${field}.${name}`, message: 'is missing' }))
    case 'additionalProperties':
      return strings(params.additionalProperties).map((name) => ({ field: `${field}.${name}`, message: 'is unknown' }))
    case 'boolean':
      return [{ field, message: 'is unknown' }]
    case 'pattern':
      return [{ field, message: PATTERN_WORDS.get(String(params.pattern)) ?? `must match ${params.pattern}` }]
    case 'enum':
      return [{ field, message: `must be one of ${strings(params.allowedValues).join(', ')}` }]
    default:
      return [{ field, message: fault.message ?? 'is not valid' }]
  }
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

/** RFC 6901 §4. */
function unescapePointer(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~')
}
