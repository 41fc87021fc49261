// What can go wrong with a publication and with the store; `code` is stable and is what callers branch on.

export type PublishErrorCode =
  | 'NAME_INVALID'
  | 'VERSION_EXISTS'
  | 'VERSION_BEING_PUBLISHED'
  | 'PART_MISSING'
  | 'PART_REPEATED'
  | 'PART_EMPTY'
  | 'PARTS_CONFLICT' // both layers and a root
  | 'NOT_SQUASHFS'
  | 'SQUASHFS_TRUNCATED'
  | 'SQUASHFS_UNSUPPORTED'
  | 'NOT_A_TAR'
  | 'TOOL_MISSING'
  | 'TOOL_FAILED'
  | 'NO_SPACE'
  | 'STORE_READ_ONLY' // the disk takes no writes: often the kernel's answer to a fault of it
  | 'UPLOAD_BROKEN' // the sender went away in the middle of a part
  | 'UPLOAD_IDLE' // the sender is there and says nothing
  | 'PUBLICATION_CLOSED' // aborted, failed or committed already

/** A publication that was refused or given up; nothing of it is left. The message is meant for the publisher. */
export class PublishError extends Error {
  readonly code: PublishErrorCode

  constructor(code: PublishErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PublishError'
    this.code = code
  }
}

export type StoreErrorCode =
  | 'VERSION_NOT_FOUND'
  | 'STORE_CORRUPT' // the directory is no image layout, or its index can't be read: an administrator must look
  | 'STORE_LOCKED' // another process has it open

export class StoreError extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}
