// What the doctor says of one thing.

export interface Finding {
  /** What was looked at: `package ipxe`, `TCP port 80`. */
  readonly subject: string
  readonly ok: boolean
  /** How it is, in plain words. */
  readonly detail: string
  /** The line that mends it; undefined when there is nothing to mend. */
  readonly mend: string | undefined
}

export function fine(subject: string, detail: string): Finding {
  return { subject, ok: true, detail, mend: undefined }
}

export function wrong(subject: string, detail: string, mend: string): Finding {
  return { subject, ok: false, detail, mend }
}
