// A change that is well said and still can't be made, because of what is there already.

export type ConflictCode =
  | 'HOST_EXISTS'
  | 'GROUP_EXISTS'
  | 'MAC_IN_USE'
  | 'ADDRESS_IN_USE'
  | 'GROUP_NOT_FOUND'
  | 'GROUP_IN_USE'
  | 'VERSION_NOT_PUBLISHED'
  | 'VERSION_IN_USE'
  | 'NOTHING_TO_ROLL_BACK_TO'
  | 'LAST_ADMIN_TOKEN'

export class Conflict extends Error {
  readonly code: ConflictCode
  /** One sentence that may be shown to whoever asked. */
  readonly detail: string
  /** What stands in the way, each in words: `channel stable`, `host ws-01`. */
  readonly users: readonly string[]

  constructor(code: ConflictCode, detail: string, users: readonly string[] = []) {
    super(detail)
    this.name = 'Conflict'
    this.code = code
    this.detail = detail
    this.users = users
  }
}
