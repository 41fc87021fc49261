// All that is wrong with a value, so that a person can mend it in one go.
import type { TSchema } from 'typebox'
import { Settings } from 'typebox/system'
import Value from 'typebox/value'

/** The library stops at eight errors unless told otherwise, for all its users at once: so only for this call. */
export function everyError(schema: TSchema, value: unknown) {
  const { maxErrors } = Settings.Get()
  Settings.Set({ maxErrors: 1000 })
  try {
    return Value.Errors(schema, value)
  } finally {
    Settings.Set({ maxErrors })
  }
}
