// Buffers to read files into, used again and again. The more are in use, the smaller new ones are: together they stay
// within a budget, and beyond it each costs as little as it can.

const BUDGET_BYTES = 16 * 1024 * 1024
const LARGEST_BYTES = 256 * 1024
export const SMALLEST_BYTES = 4 * 1024
const IDLE_BYTES = 4 * 1024 * 1024

export class Pieces {
  readonly #idle = new Map<number, Buffer[]>()
  #idleBytes = 0
  #inUse = 0

  /** At most `wanted` bytes, unless that is less than the smallest piece. */
  take(wanted: number): Buffer {
    this.#inUse += 1
    const share = Math.min(wanted, LARGEST_BYTES, BUDGET_BYTES / this.#inUse)
    let size = SMALLEST_BYTES
    while (2 * size <= share) size *= 2
    const idle = this.#idle.get(size)?.pop()
    if (idle !== undefined) this.#idleBytes -= size
    return idle ?? Buffer.allocUnsafeSlow(size)
  }

  give(piece: Buffer): void {
    this.#inUse -= 1
    if (this.#idleBytes + piece.length > IDLE_BYTES) return
    this.#idleBytes += piece.length
    const idle = this.#idle.get(piece.length)
    if (idle === undefined) this.#idle.set(piece.length, [piece])
    else idle.push(piece)
  }
}
