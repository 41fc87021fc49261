// The vocabulary of the end-to-end tests: a world with a boot server, an image that is promoted, and machines that boot.
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import { PassThrough } from 'node:stream'
import type { Test } from 'tap'
import Type from 'typebox'
import type { BootSettings, Step } from '../../../server/boot/model.ts'
import type { Publication, PublishedVersion } from '../../../server/cli/publish.ts'
import { systemClock } from '../../../server/clock.ts'
import { settleAccelerator } from '../../../server/lab/lab.ts'
import type { Machine } from '../../../server/lab/machine.ts'
import { settleInside } from '../../../server/lab/namespace.ts'
import { type Deadlines, deadlines, patience } from '../../../server/lab/patience.ts'
import { type ClientOptions, Rig } from '../../../server/lab/rig.ts'
import { Shell } from '../../../server/lab/shell.ts'
import type { BootEvent, Timeline } from '../../../server/lab/timeline.ts'
import { cloud } from './inside.ts'

export const IMAGE = 'cloud'
/** Consoles and the server's log of this test file. */
export const LOG_DIRECTORY = join(import.meta.dirname, '../../../var/e2e', basename(process.argv[1] ?? '', '.test.ts'))

export interface WorldOptions {
  readonly clients: number
  /** Sections of the daemon's configuration that differ from the lab's. */
  readonly config?: Readonly<Record<string, unknown>>
}

/** Call it once in a test file; `t` is the file's own. */
export async function startWorld(t: Test, { clients, config }: WorldOptions): Promise<World> {
  const wait = deadlines(patience(process.env))
  rmSync(LOG_DIRECTORY, { recursive: true, force: true })
  const logDirectory = LOG_DIRECTORY
  await settleInside()
  const accelerator = await settleAccelerator({ env: process.env })
  const rig = await Rig.start({ clients, accelerator, logDirectory, clock: systemClock, config })
  t.teardown(() => rig.close())
  return new World(rig, wait)
}

export class World {
  readonly rig: Rig
  readonly wait: Deadlines

  constructor(rig: Rig, wait: Deadlines) {
    this.rig = rig
    this.wait = wait
  }

  /** Publishes the cloud image, with more layers on top if there are any, and promotes it to `stable`. */
  async publish(version: string, { image = IMAGE, layers = [] as readonly string[] } = {}): Promise<PublishedVersion> {
    const built = cloud()
    return await this.publishFiles({ ...built, image, version, root: { layers: [built.root, ...layers] } })
  }

  /** Publishes what is to be booted, and promotes it to `stable`. */
  async publishFiles(
    publication: Omit<Publication, 'notes' | 'version'> & { version: string }
  ): Promise<PublishedVersion> {
    const quiet = new PassThrough().resume()
    const published = await this.rig.publish({ ...publication, notes: undefined }, quiet)
    await this.rig.promote(publication.image, publication.version, 'stable')
    return published
  }

  /** A machine that is known as a host; its settings say what it boots. It is off when `t` ends. */
  async host(t: Test, number: number, options: Partial<ClientOptions>, settings: BootSettings): Promise<Diskless> {
    const machine = this.rig.client(number, { firmware: 'bios', rom: 'ipxe', memoryMib: 1024, ...options })
    t.teardown(() => machine.powerOff())
    const host = { name: machine.name, mac: machine.mac, image: IMAGE, channel: 'stable', ...settings }
    await this.rig.api.post('/hosts', host, Type.Object({}))
    return new Diskless(machine, this.rig.boots, this.wait)
  }
}

/** A machine and its boots. */
export class Diskless {
  readonly machine: Machine
  readonly #boots: Timeline
  readonly #wait: Deadlines
  #from = 0

  constructor(machine: Machine, boots: Timeline, wait: Deadlines) {
    this.machine = machine
    this.#boots = boots
    this.#wait = wait
  }

  async powerOn(): Promise<void> {
    this.#from = this.#boots.mark()
    await this.machine.powerOn()
  }

  /** Cuts the power and gives it back. */
  async powerCycle(): Promise<void> {
    await this.machine.powerOff()
    await this.powerOn()
  }

  /** Has its system restart it, from the shell that somebody is logged in to. */
  async reboot(): Promise<void> {
    this.#from = this.#boots.mark()
    this.machine.console.write('systemctl reboot\r')
  }

  /** Since it was powered on. */
  until(step: Step): Promise<BootEvent> {
    return this.#boots.until(this.machine.mac, step, this.#wait.bootMs, this.#from)
  }

  untilFailed(step: Step): Promise<BootEvent> {
    return this.#boots.untilFailed(this.machine.mac, step, this.#wait.bootMs, this.#from)
  }

  /** Waits until it is up and lets root in. */
  async login(): Promise<Shell> {
    await this.until('up')
    return await Shell.open(this.machine.console, this.#wait)
  }

  /** Waits for words on its screen. */
  async screen(words: RegExp): Promise<string> {
    const [found] = await this.machine.console.until(words, { timeoutMs: this.#wait.bootMs })
    return found
  }

  /** What the server saw of it since it was powered on. */
  get events(): readonly BootEvent[] {
    return this.#boots.events.slice(this.#from).filter(({ mac }) => mac === this.machine.mac)
  }
}
