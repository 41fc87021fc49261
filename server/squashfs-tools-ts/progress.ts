// The progress bar of squashfs-tools, read back: `\r[=====-   ] 123/456  27%`.

export interface Progress {
  /** Blocks; of a tar stream the total grows as it is read. */
  readonly done: number
  readonly total: number
  /** 0 to 100. */
  readonly percent: number
}

const BAR = /\]\s*(\d+)\/(\d+)\s+(\d+)%/g
const LONGEST_BAR = 512

/** Takes output as it comes, cut anywhere, and calls `report` each time that the bar moved. */
export function progressReader(report: (progress: Progress) => void): (chunk: Buffer) => void {
  let pending = ''
  let last = ''
  return (chunk) => {
    pending += chunk.toString('latin1')
    let read = 0
    for (const bar of pending.matchAll(BAR)) {
      read = bar.index + bar[0].length
      if (bar[0] === last) continue
      last = bar[0]
      report({ done: Number(bar[1]), total: Number(bar[2]), percent: Math.min(100, Number(bar[3])) })
    }
    pending = pending.slice(read).slice(-LONGEST_BAR)
  }
}
