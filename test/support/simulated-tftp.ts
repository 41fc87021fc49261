// TFTP transfers over a link that exists only in numbers: the real transfer machine, receivers of RFC 7440, and between
// them loss, duplication, reordering and a bottleneck with a short queue. The same terms always give the same run.
import { advance, begin, type Step, type Transfer, type TransferTerms } from '../../server/tftp/transfer.ts'

export interface Link {
  readonly seed: number
  /** Chances in a thousand, each way. */
  readonly loss: number
  readonly duplication: number
  readonly delayMs: number
  /** Each datagram takes up to this much longer: it may overtake. */
  readonly jitterMs: number
  /** What all DATA must pass; undefined: as wide as it needs to be. */
  readonly bottleneck?: { readonly megabits: number; readonly queueBytes: number } | undefined
  /** Both hosts do something else now and then: on average after so long, for up to so long. */
  readonly stalls?: { readonly everyMs: number; readonly upToMs: number } | undefined
}

/** How a receiver answers a block that it does not expect. */
export type Manner =
  /** With an ACK each time: EDK2, iPXE, curl. */
  | 'each'
  /** Once for each run of them: atftp, the load generator of the bench. */
  | 'run'
  /** Once for each block that is missing, and never again: U-Boot. */
  | 'once'

export interface Party {
  readonly terms: TransferTerms
  readonly manner: Manner
  /** The client's own patience. */
  readonly repeatMs: number
}

export interface Played {
  readonly step: Step
  readonly received: number
  readonly dataSent: number
  readonly dataLost: number
  readonly dataDoubled: number
  readonly acksLost: number
  /** Times that the server's timer ran out, or the client's. */
  readonly wakes: number
  readonly sendsOnDuplicateAck: number
  /** The receiver had it all, or the server gave up. */
  readonly endedAtMs: number
}

const DATAGRAM_BYTES = 1474 // blksize 1428 on Ethernet

/** Plays all transfers to their ends. Blocks on the wire have 16 bits; the receivers here know the absolute number. */
export function play(parties: readonly Party[], link: Link): readonly Played[] {
  const world = new World(link)
  const players = parties.map((party) => new Player(party, world))
  for (const player of players) player.start()
  world.run()
  return players.map((player) => player.played())
}

class World {
  now = 0
  readonly link: Link
  readonly server: Host
  readonly #chance: () => number
  readonly #agenda = new Agenda()
  #wireFreeAt = 0

  constructor(link: Link) {
    this.link = link
    this.#chance = random(link.seed)
    this.server = this.host()
  }

  host(): Host {
    return new Host(this.link.stalls, this.#chance)
  }

  at(time: number, run: () => void): void {
    this.#agenda.add(Math.max(time, this.now), run)
  }

  run(): void {
    for (let next = this.#agenda.take(); next; next = this.#agenda.take()) {
      this.now = next.time
      next.run()
    }
  }

  /** How many copies of it will arrive: 0, 1 or 2. */
  toClient(arrive: () => void): number {
    const { bottleneck } = this.link
    if (!bottleneck) return this.#travel(this.now, arrive)
    const bytesPerMs = (bottleneck.megabits * 1000) / 8
    const queuedBytes = Math.max(0, this.#wireFreeAt - this.now) * bytesPerMs
    if (queuedBytes + DATAGRAM_BYTES > bottleneck.queueBytes) return 0
    this.#wireFreeAt = Math.max(this.#wireFreeAt, this.now) + DATAGRAM_BYTES / bytesPerMs
    return this.#travel(this.#wireFreeAt, arrive)
  }

  toServer(arrive: () => void): number {
    return this.#travel(this.now, arrive)
  }

  #travel(from: number, arrive: () => void): number {
    const { loss, duplication, delayMs, jitterMs } = this.link
    const copies = this.#chance() * 1000 < duplication ? 2 : 1
    let arriving = 0
    for (let i = 0; i < copies; i++) {
      const jitter = this.#chance() * jitterMs
      if (this.#chance() * 1000 < loss) continue
      this.at(from + delayMs + jitter, arrive)
      arriving++
    }
    return arriving
  }
}

/** A machine with more to do than this. */
class Host {
  readonly #stalls: Link['stalls']
  readonly #chance: () => number
  #from = 0
  #to = 0

  constructor(stalls: Link['stalls'], chance: () => number) {
    this.#stalls = stalls
    this.#chance = chance
  }

  /** When it sees to what is there at this time; times never go back. */
  seesTo(time: number): number {
    const stalls = this.#stalls
    if (!stalls) return time
    while (this.#to <= time) {
      this.#from = this.#to + -Math.log(1 - this.#chance()) * stalls.everyMs
      this.#to = this.#from + this.#chance() * stalls.upToMs
    }
    return time < this.#from ? time : this.#to
  }
}

class Player {
  readonly #party: Party
  readonly #world: World
  readonly #host: Host
  #step: Step
  #timer = 0
  readonly #counts = { dataSent: 0, dataLost: 0, dataDoubled: 0, acksLost: 0, wakes: 0, sendsOnDuplicateAck: 0 }
  #endedAt: number | undefined
  // The receiver's side.
  #expected: number
  #sinceAck = 0
  #toldOf = -1
  #lastOdd = -1
  #patience = 0

  constructor(party: Party, world: World) {
    this.#party = party
    this.#world = world
    this.#host = world.host()
    this.#expected = party.terms.oack ? 0 : 1
    this.#step = begin(party.terms, world.now)
  }

  start(): void {
    this.#perform()
    this.#waitForServer()
  }

  played(): Played {
    const over = this.#endedAt ?? this.#world.now
    return { step: this.#step, received: this.#expected - 1, endedAtMs: over, ...this.#counts }
  }

  #when(host: Host, run: () => void): void {
    const { now } = this.#world
    const seenTo = host.seesTo(now)
    if (seenTo <= now) run()
    else this.#world.at(seenTo, run)
  }

  #transfer(): Transfer | undefined {
    return this.#step.kind === 'send' || this.#step.kind === 'wait' ? this.#step.next : undefined
  }

  #perform(): void {
    if (this.#step.kind === 'send') {
      for (let block = this.#step.from; block <= this.#step.to; block++) {
        const copies = this.#world.toClient(() => this.#when(this.#host, () => this.#hear(block)))
        this.#counts.dataSent++
        if (copies === 0) this.#counts.dataLost++
        if (copies === 2) this.#counts.dataDoubled++
      }
    }
    this.#sleep()
  }

  /** Node's timers count whole milliseconds. */
  #sleep(): void {
    const transfer = this.#transfer()
    const timer = ++this.#timer
    if (!transfer) return
    const ms = Math.max(1, Math.ceil(transfer.wakeAt - this.#world.now))
    this.#world.at(this.#world.now + ms, () => {
      if (timer !== this.#timer) return
      const seenTo = this.#world.server.seesTo(this.#world.now)
      // After what has come in meanwhile.
      if (seenTo > this.#world.now) this.#world.at(seenTo + 0.01, wake)
      else wake()
    })
    const wake = () => {
      if (timer !== this.#timer) return
      this.#input((one) => advance(one, { kind: 'wake', at: this.#world.now }))
      if (this.#step.kind === 'send' && this.#step.next.tries > transfer.tries) this.#counts.wakes++
    }
  }

  #acked(block: number): void {
    const before = this.#transfer()
    if (!before) return
    this.#input((one) => advance(one, { kind: 'ack', block: block % 65536, at: this.#world.now }))
    if (this.#step.kind === 'send' && block <= before.acked) this.#counts.sendsOnDuplicateAck++
  }

  #input(move: (transfer: Transfer) => Step): void {
    const transfer = this.#transfer()
    if (!transfer) return
    this.#step = move(transfer)
    if (this.#step.kind === 'failed') this.#endedAt ??= this.#world.now
    this.#perform()
  }

  #hear(block: number): void {
    const { terms } = this.#party
    if (block !== this.#expected) {
      this.#hearOdd(block)
      return
    }
    this.#expected++
    this.#lastOdd = -1
    this.#waitForServer()
    const isLast = block === terms.blocks
    if (isLast) this.#endedAt ??= this.#world.now
    if (block === 0 || isLast || ++this.#sinceAck >= terms.windowsize) this.#ack()
  }

  #hearOdd(block: number): void {
    if (this.#expected <= (this.#party.terms.oack ? 0 : 1)) return // nothing to tell of yet
    const isNewRun = this.#lastOdd < 0 || block <= this.#lastOdd
    this.#lastOdd = block
    const { manner } = this.#party
    if (manner === 'run' && !isNewRun) return
    if (manner === 'once' && this.#toldOf === this.#expected && this.#expected <= this.#party.terms.blocks) return
    this.#toldOf = this.#expected
    this.#ack()
  }

  #ack(): void {
    this.#sinceAck = 0
    const block = this.#expected - 1
    const arrive = () => this.#when(this.#world.server, () => this.#acked(block))
    if (this.#world.toServer(arrive) === 0) this.#counts.acksLost++
  }

  #waitForServer(): void {
    const patience = ++this.#patience
    this.#world.at(this.#world.now + this.#party.repeatMs, () => {
      if (patience !== this.#patience || !this.#transfer()) return
      this.#counts.wakes++
      if (this.#expected > (this.#party.terms.oack ? 0 : 1)) this.#ack()
      this.#waitForServer()
    })
  }
}

/** A heap: what is due first comes first, and what was said first among equals. */
class Agenda {
  readonly #heap: { readonly time: number; readonly order: number; readonly run: () => void }[] = []
  #count = 0

  add(time: number, run: () => void): void {
    const heap = this.#heap
    const entry = { time, order: this.#count++, run }
    let at = heap.length
    for (; at > 0; at = (at - 1) >> 1) {
      const parent = heap[(at - 1) >> 1]
      if (!parent || isBefore(parent, entry)) break
      heap[at] = parent
    }
    heap[at] = entry
  }

  take(): { readonly time: number; readonly run: () => void } | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || first === last) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (left && right && isBefore(right, left)) child++
      const lesser = heap[child]
      if (!lesser || isBefore(last, lesser)) break
      heap[at] = lesser
      at = child
    }
    heap[at] = last
    return first
  }
}

interface Due {
  readonly time: number
  readonly order: number
}

function isBefore(one: Due, other: Due): boolean {
  return one.time < other.time || (one.time === other.time && one.order < other.order)
}

function random(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
