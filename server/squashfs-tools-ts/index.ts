// Typed mksquashfs and unsquashfs, and a superblock reader that needs neither.
export {
  NotSquashfs,
  ToolFailed,
  type ToolFailure,
  ToolMissing,
  TruncatedSquashfs,
  UnsupportedSquashfs
} from './errors.ts'
export { type MksquashfsOptions, mksquashfs } from './mksquashfs.ts'
export type { Progress } from './progress.ts'
export {
  type Compression,
  parseSuperblock,
  readSuperblock,
  SUPERBLOCK_BYTES,
  type Superblock,
  type SuperblockFlag
} from './superblock.ts'
export {
  cat,
  type Entry,
  type EntryKind,
  type ExtractOptions,
  extract,
  list,
  type UnsquashfsOptions
} from './unsquashfs.ts'
