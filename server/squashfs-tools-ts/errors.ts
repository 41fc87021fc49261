// One class per way to be wrong; `code` is stable and is what callers branch on.

/** The bytes don't begin with a squashfs superblock. */
export class NotSquashfs extends Error {
  readonly code = 'NOT_SQUASHFS'

  constructor(message: string) {
    super(message)
    this.name = 'NotSquashfs'
  }
}

/** A squashfs, but of a version, byte order or compression that Linux 4.0 squashfs doesn't have. */
export class UnsupportedSquashfs extends Error {
  readonly code = 'SQUASHFS_UNSUPPORTED'

  constructor(message: string) {
    super(message)
    this.name = 'UnsupportedSquashfs'
  }
}

/** The superblock speaks of more bytes than there are. */
export class TruncatedSquashfs extends Error {
  readonly code = 'SQUASHFS_TRUNCATED'
  readonly expectedBytes: number
  readonly actualBytes: number

  constructor(expectedBytes: number, actualBytes: number) {
    super(`squashfs is truncated: it should have ${expectedBytes} bytes and has ${actualBytes}`)
    this.name = 'TruncatedSquashfs'
    this.expectedBytes = expectedBytes
    this.actualBytes = actualBytes
  }
}

/** The program isn't installed. */
export class ToolMissing extends Error {
  readonly code = 'TOOL_MISSING'
  readonly tool: string

  constructor(tool: string) {
    super(`${tool} is not installed (Debian package squashfs-tools)`)
    this.name = 'ToolMissing'
    this.tool = tool
  }
}

/** Why a tool failed, as far as its words tell. */
export type ToolFailure = 'NO_SPACE' | 'NOT_A_TAR' | 'TOOL_FAILED'

/** The program ran and refused; the message ends in its own words. */
export class ToolFailed extends Error {
  readonly code: ToolFailure
  readonly tool: string
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined
  /** The last lines that it wrote to stderr. */
  readonly stderr: string

  constructor(tool: string, exitCode: number | undefined, stderr: string) {
    super(`${tool} ${exitCode === undefined ? 'was killed' : `failed (exit ${exitCode})`}: ${inWords(stderr)}`)
    this.name = 'ToolFailed'
    this.code = failureOf(stderr)
    this.tool = tool
    this.exitCode = exitCode
    this.stderr = stderr
  }
}

function inWords(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '').join('; ') || 'it gave no reason'
}

function failureOf(stderr: string): ToolFailure {
  if (/no space left|out of space/i.test(stderr)) return 'NO_SPACE'
  if (/reading tar file|tar ?file .*truncated or corrupted|tar header/i.test(stderr)) return 'NOT_A_TAR'
  return 'TOOL_FAILED'
}
