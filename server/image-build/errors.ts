// One class per way to be wrong; `code` is stable and is what callers branch on.

/** What a recipe says wrongly, and where. */
export interface RecipeMistake {
  /** `files[0].mode`; empty for the recipe as a whole. */
  readonly path: string
  readonly message: string
}

/** The recipe can't be used. The message has one line for each mistake. */
export class RecipeError extends Error {
  readonly code: 'RECIPE_NOT_FOUND' | 'RECIPE_UNREADABLE' | 'RECIPE_INVALID'
  readonly mistakes: readonly RecipeMistake[]

  constructor(code: RecipeError['code'], message: string, mistakes: readonly RecipeMistake[] = []) {
    const lines = mistakes.map(({ path, message }) => (path === '' ? `  ${message}` : `  ${path}: ${message}`))
    super([message, ...lines].join('\n'))
    this.name = 'RecipeError'
    this.code = code
    this.mistakes = mistakes
  }
}

/** The machine or a tool could not do it; the message ends in the tool's own words. */
export class BuildError extends Error {
  readonly code: 'NOT_ROOT' | 'TOOL_MISSING' | 'PACKAGES_FAILED' | 'CUSTOMIZE_FAILED' | 'NO_SPACE'
  /** The last lines that the tool wrote. */
  readonly log: string

  constructor(code: BuildError['code'], message: string, log = '') {
    super(message)
    this.name = 'BuildError'
    this.code = code
    this.log = log
  }
}
