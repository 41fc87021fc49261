// Progress on stderr: a bar on a terminal, now and then a plain line elsewhere.
import { Presets, SingleBar } from 'cli-progress'
import { formatBytes } from '../units.ts'

export interface Progress {
  update(done: number): void
  stop(): void
}

export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean }

/** @param total of bytes. */
export function byteProgress(stream: ProgressStream, label: string, total: number): Progress {
  const words = (done: number) => `${formatBytes(done)} of ${formatBytes(total)}`
  return stream.isTTY ? bar(stream, label, total, words) : tenths(stream, label, total, words)
}

/** @param total of steps, or of percent. */
export function stepProgress(stream: ProgressStream, label: string, total: number): Progress {
  const words = (done: number) => `${Math.round((100 * done) / total)} %`
  return stream.isTTY ? bar(stream, label, total, words) : tenths(stream, label, total, words)
}

function bar(stream: ProgressStream, label: string, total: number, words: (done: number) => string): Progress {
  const single = new SingleBar(
    { stream, format: `${label} {bar} {words}`, hideCursor: true, stopOnComplete: false, etaBuffer: 50 },
    Presets.shades_classic
  )
  single.start(total, 0, { words: words(0) })
  return {
    update: (done) => single.update(done, { words: words(done) }),
    stop: () => single.stop()
  }
}

/** A line for each tenth of the way. */
function tenths(stream: ProgressStream, label: string, total: number, words: (done: number) => string): Progress {
  let told = 0
  return {
    update(done) {
      const tenth = total === 0 ? 10 : Math.floor((10 * done) / total)
      if (tenth <= told) return
      told = tenth
      stream.write(`${label}: ${words(done)}\n`)
    },
    stop() {
      told = 10
    }
  }
}
