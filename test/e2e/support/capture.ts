// What goes over the wire between the boot server and one client, as it is. Kept beside the logs.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { eventually } from '../../support/netns.ts'
import { type CapturedDatagram, readPcap } from '../../support/pcap.ts'
import { LOG_DIRECTORY } from './world.ts'

export class Capture {
  readonly path: string
  readonly #tcpdump: ChildProcess
  readonly #gone: Promise<unknown>

  private constructor(path: string, tcpdump: ChildProcess) {
    this.path = path
    this.#tcpdump = tcpdump
    this.#gone = once(tcpdump, 'close')
  }

  /** Hears from now on every UDP datagram at the plug of the rig's client of this number. */
  static async of(number: number): Promise<Capture> {
    const path = join(LOG_DIRECTORY, `client${number}.pcap`)
    // Unbuffered, so that the file is never far behind.
    const tcpdump = spawn(
      'tcpdump',
      ['-i', `client${number}`, '-Z', 'root', '-U', '--immediate-mode', '-w', path, 'udp'],
      {
        stdio: ['ignore', 'ignore', 'pipe']
      }
    )
    await once(tcpdump.stderr, 'data') // "listening on client1"
    return new Capture(path, tcpdump)
  }

  /** Resolves with all that was heard once `isThere` finds in it what was said: tcpdump hears it later than the peers do. */
  until(what: string, isThere: (heard: readonly CapturedDatagram[]) => boolean): Promise<readonly CapturedDatagram[]> {
    return eventually(what, () => {
      const heard = readPcap(this.path)
      return isThere(heard) ? heard : undefined
    })
  }

  async stop(): Promise<void> {
    this.#tcpdump.kill('SIGINT')
    await this.#gone
  }
}
