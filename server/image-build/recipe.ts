// Reading a recipe: every mistake is reported at once, each with its path.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import Value from 'typebox/value'
import { parseDocument } from 'yaml'
import { everyError } from '../every-error.ts'
import { RecipeError, type RecipeMistake } from './errors.ts'
import { type Recipe, RecipeSchema } from './recipe-schema.ts'

export type { Recipe } from './recipe-schema.ts'

/**
 * A YAML file; `source`s in it count from its own directory.
 * @throws {RecipeError}
 */
export async function loadRecipe(file: string): Promise<Recipe> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT'
      ? new RecipeError('RECIPE_NOT_FOUND', `${file}: no such recipe`)
      : new RecipeError('RECIPE_UNREADABLE', `${file}: ${error.message}`)
  })
  return parseRecipe(text, path.basename(path.dirname(path.resolve(file))))
}

/**
 * @param name what this text is called in messages
 * @throws {RecipeError}
 */
export function parseRecipe(text: string, name: string): Recipe {
  const document = parseDocument(text, { prettyErrors: true })
  const syntax = document.errors.map((error) => ({ path: '', message: error.message.split('\n')[0] ?? '' }))
  const given: unknown = syntax.length > 0 ? {} : (document.toJS() ?? {})
  const value = Value.Default(RecipeSchema, given)
  const mistakes = syntax.length > 0 ? syntax : [...schemaMistakes(value), ...ruleMistakes(value)]
  if (mistakes.length > 0) {
    const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`
    throw new RecipeError('RECIPE_INVALID', `the recipe ${name} has ${count}`, mistakes)
  }
  return Value.Parse(RecipeSchema, value)
}

function schemaMistakes(value: unknown): RecipeMistake[] {
  return everyError(RecipeSchema, value).flatMap((error): RecipeMistake[] => {
    const at = fromPointer(error.instancePath)
    switch (error.keyword) {
      case 'additionalProperties':
        return error.params.additionalProperties.map((key) => ({
          path: inside(at, key),
          message: 'is no key of a recipe'
        }))
      case 'boolean': // the same unknown key once more
        return []
      case 'required':
        return error.params.requiredProperties.map((key) => ({ path: inside(at, key), message: 'is missing' }))
      case 'enum':
        return [{ path: at, message: `must be one of ${error.params.allowedValues.join(', ')}` }]
      default:
        return [{ path: at, message: error.message }]
    }
  })
}

/** What a schema can't say. Looks only at a recipe whose shape is right. */
function ruleMistakes(value: unknown): RecipeMistake[] {
  if (!Value.Check(RecipeSchema, value)) return []
  return [...fileMistakes(value), ...userMistakes(value)]
}

function fileMistakes({ files }: Recipe): RecipeMistake[] {
  return files.flatMap(({ text, source }, i) =>
    (text === undefined) === (source === undefined)
      ? [{ path: `files[${i}]`, message: 'needs either text or source' }]
      : []
  )
}

function userMistakes({ users, autologin }: Recipe): RecipeMistake[] {
  const known = new Set(['root', ...users.map(({ name }) => name)])
  return Object.entries(autologin).flatMap(([where, name]) =>
    known.has(name) ? [] : [{ path: `autologin.${where}`, message: `${name} is none of the recipe's users` }]
  )
}

/** `/files/0/mode` to `files[0].mode`. */
function fromPointer(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce(inside, '')
}

function inside(parent: string, key: string): string {
  if (/^\d+$/.test(key)) return `${parent}[${key}]`
  return parent === '' ? key : `${parent}.${key}`
}
