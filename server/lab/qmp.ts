// QEMU's machine protocol: one JSON object a line, a greeting first, and a handshake before any other command.

import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'

/** QEMU refused a command, or did not answer in time. */
export class QmpError extends Error {
  readonly code = 'LAB_QMP'
  override readonly name = 'QmpError'
}

interface Reply {
  readonly id?: number
  readonly event?: string
  readonly return?: unknown
  readonly error?: { readonly desc: string }
}

const ANSWER_MS = 10_000

export class Qmp {
  readonly #stream: Duplex
  readonly #clock: Clock
  readonly #asked = new Map<number, (reply: Reply) => void>()
  #lastId = 0
  #onStop = () => {}

  constructor(stream: Duplex, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
    const lines = createInterface({ input: stream })
    lines.on('line', (line) => this.#hear(line))
    lines.on('close', () => this.#hangUp())
    lines.on('error', () => this.#hangUp()) // the stream's error comes out here too
    stream.on('error', () => this.#hangUp())
  }

  /** The handshake (QMP specification, “capabilities negotiation”). */
  async greet(): Promise<void> {
    await this.execute('qmp_capabilities')
  }

  /** The processors stand still: asked to, or because the accelerator could not go on. */
  onStop(listener: () => void): void {
    this.#onStop = listener
  }

  /** Rejects with QmpError when refused, unanswered for ten seconds, or when QEMU has gone. */
  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(ANSWER_MS, () => {
        this.#asked.delete(id)
        reject(new QmpError(`QEMU did not answer ${command}`))
      })
      this.#asked.set(id, (reply) => {
        timer.cancel()
        this.#asked.delete(id)
        if (reply.error) reject(new QmpError(`${command}: ${reply.error.desc}`))
        else resolve(reply.return)
      })
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
    })
  }

  #hear(line: string): void {
    const reply: Reply = JSON.parse(line)
    if (reply.event === 'STOP') this.#onStop()
    if (reply.id !== undefined) this.#asked.get(reply.id)?.(reply)
  }

  #hangUp(): void {
    for (const answer of [...this.#asked.values()]) answer({ error: { desc: 'QEMU has gone' } })
  }
}
