// What publishing needs of the image store, and no more; and what its refusals are on the wire.
import type { Readable } from 'node:stream'
import type { Version } from '../boot/model.ts'
import { PublishError, type PublishErrorCode } from '../image/errors.ts'
import { Problem } from './problem.ts'

export const PART_KINDS = ['kernel', 'initrd', 'layer', 'root'] as const
export type PartKind = (typeof PART_KINDS)[number]

export interface Publication {
  /** Rejects, and has let go of the stream, when the part can't be taken. */
  addPart(kind: PartKind, stream: Readable, filename?: string): Promise<unknown>
  commit(facts: { readonly notes: string; readonly arguments: readonly string[] }): Promise<Version>
  abort(): Promise<void>
}

export interface Publisher {
  begin(image: string, version: string): Publication | Promise<Publication>
}

/** What the publisher, or its administrator, can mend; by the store's codes. */
const STATUSES: Readonly<Partial<Record<PublishErrorCode, number>>> = {
  NAME_INVALID: 400,
  PART_MISSING: 400,
  PART_REPEATED: 400,
  PART_EMPTY: 400,
  PARTS_CONFLICT: 400,
  UPLOAD_BROKEN: 400,
  UPLOAD_IDLE: 408,
  VERSION_EXISTS: 409,
  VERSION_BEING_PUBLISHED: 409,
  NOT_SQUASHFS: 422,
  SQUASHFS_TRUNCATED: 422,
  SQUASHFS_UNSUPPORTED: 422,
  NOT_A_TAR: 422,
  TOOL_MISSING: 500,
  PUBLICATION_CLOSED: 503,
  NO_SPACE: 507,
  STORE_READ_ONLY: 503
}

/** The store's refusal as a problem; what is no refusal stays what it is. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof PublishError)) return error
  const status = STATUSES[error.code]
  // The one kind of message that goes out as it is: the store writes it for the publisher.
  return status === undefined ? error : new Problem(status, error.code, error.message)
}
