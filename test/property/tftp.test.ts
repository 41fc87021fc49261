import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { normaliseName } from '../../server/tftp/names.ts'
import { netasciiLength, toNetascii } from '../../server/tftp/netascii.ts'
import {
  decodeTftp,
  encodeAck,
  encodeData,
  encodeError,
  encodeOack,
  encodeRequest,
  type TftpPacket
} from '../../server/tftp/packet.ts'
import { negotiate } from '../../server/tftp/terms.ts'
import { advance, begin, type Step, type Transfer, type TransferTerms } from '../../server/tftp/transfer.ts'
import { MalformedPacket } from '../../server/wire/cursor.ts'

const latin1 = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) })
const optionName = latin1.filter((name) => name !== '').map((name) => name.toLowerCase())
const options = fc.array(fc.tuple(optionName, latin1), { maxLength: 6 }).map((pairs) => new Map(pairs))
const block = fc.integer({ min: 0, max: 65535 })

const packet: fc.Arbitrary<TftpPacket> = fc.oneof(
  fc.record({
    kind: fc.constant('request' as const),
    operation: fc.constantFrom('read' as const, 'write' as const),
    name: latin1,
    mode: fc.constantFrom('octet', 'netascii', 'mail'),
    options
  }),
  fc.record({ kind: fc.constant('data' as const), block, bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
  fc.record({ kind: fc.constant('ack' as const), block }),
  fc.record({ kind: fc.constant('error' as const), errorCode: block, message: latin1 }),
  fc.record({ kind: fc.constant('oack' as const), options })
)

function encode(p: TftpPacket): Buffer {
  switch (p.kind) {
    case 'request':
      return encodeRequest(p)
    case 'data':
      return encodeData(p.block, p.bytes)
    case 'ack':
      return encodeAck(p.block)
    case 'error':
      return encodeError(p.errorCode, p.message)
    case 'oack':
      return encodeOack(p.options)
  }
}

function decodesOrIsMalformed(bytes: Uint8Array): boolean {
  try {
    decodeTftp(bytes)
    return true
  } catch (error) {
    return error instanceof MalformedPacket
  }
}

t.test('a packet survives the wire, and its bytes survive decoding', async () => {
  fc.assert(
    fc.property(packet, (p) => {
      const bytes = encode(p)
      const back = decodeTftp(bytes)
      return isDeepStrictEqual(back, { ...p }) && encode(back).equals(bytes)
    }),
    { numRuns: 300 }
  )
})

t.test('noise is malformed or a packet, and nothing else', async () => {
  const noise = fc.tuple(fc.integer({ min: 0, max: 8 }), fc.uint8Array({ maxLength: 600 }))
  fc.assert(
    fc.property(noise, ([opcode, bytes]) => decodesOrIsMalformed(Uint8Array.of(0, opcode, ...bytes))),
    { numRuns: 3000 }
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), decodesOrIsMalformed), { numRuns: 1000 })
})

t.test('so is a packet with a byte changed, cut short, or followed by another', async () => {
  fc.assert(
    fc.property(packet, packet, fc.nat(), fc.nat(255), (p, other, at, byte) => {
      const bytes = encode(p)
      const changed = Buffer.from(bytes)
      changed[at % bytes.length] = byte
      return (
        decodesOrIsMalformed(changed) &&
        decodesOrIsMalformed(bytes.subarray(0, at % bytes.length)) &&
        decodesOrIsMalformed(Buffer.concat([bytes, encode(other)]))
      )
    }),
    { numRuns: 2000 }
  )
})

t.test('a normalised name has no way out, and normalising it again changes nothing', async () => {
  const nasty = fc.string({ unit: fc.constantFrom('.', '/', '\\', 'a', '\0', '..', '%2e', ' ', '\x80') })
  fc.assert(
    fc.property(fc.oneof(nasty, latin1), (raw) => {
      const result = normaliseName(raw)
      if (result.kind !== 'name') return true
      const segments = result.name.split('/')
      const again = normaliseName(result.name)
      return (
        segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..') &&
        !/[\\\0]/.test(result.name) &&
        again.kind === 'name' &&
        again.name === result.name
      )
    }),
    { numRuns: 2000 }
  )
})

t.test('T5: nothing is granted that was not asked for, and never more than was asked', async () => {
  const value = fc.oneof(
    fc.integer({ min: -5, max: 100_000 }).map((n) => String(n)),
    latin1
  )
  const known = fc.constantFrom('blksize', 'tsize', 'timeout', 'windowsize', 'multicast')
  const asked = fc.array(fc.tuple(known, value)).map((pairs) => new Map<string, string>(pairs))
  fc.assert(
    fc.property(asked, fc.nat(), (options, size) => {
      const terms = negotiate(options, size, 'octet', { blksize: 1468, windowsize: 64 })
      return [...(terms.oack ?? [])].every(([name, text]) => {
        const wanted = Number(options.get(name))
        if (name === 'tsize') return Number(text) === size
        if (name === 'timeout') return text === options.get(name)
        return (name === 'blksize' || name === 'windowsize') && Number(text) <= wanted
      })
    }),
    { numRuns: 2000 }
  )
})

t.test('netascii is as long as foretold and can be undone', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      const wire = toNetascii(bytes)
      const back = wire.toString('latin1').replace(/\r([\n\0])/g, (_, next) => (next === '\n' ? '\n' : '\r'))
      return wire.length === netasciiLength(bytes) && back === Buffer.from(bytes).toString('latin1')
    })
  )
})

// ---- the transfer machine against a client over a bad network, in virtual time ----

interface Weather {
  readonly seed: number
  /** Chances in a thousand. */
  readonly loss: number
  readonly duplication: number
  /** Each datagram takes 1 ms and up to this much more: it may overtake. */
  readonly jitterMs: number
}

const weather: fc.Arbitrary<Weather> = fc.record({
  seed: fc.integer(),
  loss: fc.integer({ min: 0, max: 200 }),
  duplication: fc.integer({ min: 0, max: 200 }),
  jitterMs: fc.integer({ min: 0, max: 30 })
})

const terms: fc.Arbitrary<TransferTerms> = fc.record({
  blocks: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 6, max: 400 })),
  windowsize: fc.constantFrom(1, 2, 4, 16, 64),
  oack: fc.boolean(),
  initialTimeoutMs: fc.constant(1000),
  minTimeoutMs: fc.constantFrom(20, 50, 1000),
  maxTimeoutMs: fc.constant(4000),
  giveUpAfterMs: fc.constant(600_000), // patience beyond any streak of bad luck: what is tested is that it gets on
  minTries: fc.constant(5)
})

/** The receiver of RFC 7440: in order or nothing; tells of a gap; repeats itself when it hears what it knows. */
class Receiver {
  expected: number
  readonly #terms: TransferTerms
  #sinceAck = 0

  constructor(terms: TransferTerms) {
    this.#terms = terms
    this.expected = terms.oack ? 0 : 1
  }

  /** The block numbers that it acknowledges at once. */
  hear(block: number): number[] {
    if (block !== this.expected) return [this.expected - 1].filter((known) => known >= (this.#terms.oack ? 0 : 1))
    this.expected++
    if (block === 0) return [0]
    const full = ++this.#sinceAck >= this.#terms.windowsize || block === this.#terms.blocks
    if (full) this.#sinceAck = 0
    return full ? [block] : []
  }
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

interface Flight {
  readonly at: number
  readonly to: 'client' | 'server'
  readonly block: number
}

interface Outcome {
  readonly step: Step
  readonly received: number
  readonly sendsOnDuplicateAck: number
  readonly virtualMs: number
}

/** Blocks on the wire are 16 bits; the receiver here knows the absolute ones, which rollover has its own test for. */
function simulate(terms: TransferTerms, weather: Weather): Outcome {
  const chance = random(weather.seed)
  const receiver = new Receiver(terms)
  let inFlight: Flight[] = []
  let now = 0
  let sendsOnDuplicateAck = 0
  const launch = (to: Flight['to'], block: number) => {
    const copies = chance() * 1000 < weather.duplication ? 2 : 1
    for (let i = 0; i < copies; i++) {
      if (chance() * 1000 >= weather.loss) inFlight.push({ at: now + 1 + chance() * weather.jitterMs, to, block })
    }
  }
  const perform = (step: Step) => {
    if (step.kind !== 'send') return
    for (let block = step.from; block <= step.to; block++) launch('client', block)
  }
  let step = begin(terms, 0)
  perform(step)
  while (step.kind === 'send' || step.kind === 'wait') {
    const transfer: Transfer = step.next
    const next = inFlight.reduce<Flight | undefined>(
      (first, one) => (!first || one.at < first.at ? one : first),
      undefined
    )
    if (next && next.at <= transfer.wakeAt) {
      inFlight = inFlight.filter((one) => one !== next)
      now = Math.max(now, next.at)
      if (next.to === 'client') {
        for (const block of receiver.hear(next.block)) launch('server', block)
        continue
      }
      step = advance(transfer, { kind: 'ack', block: next.block % 65536, at: now })
      if (step.kind === 'send' && next.block <= transfer.acked) sendsOnDuplicateAck++
    } else {
      now = Math.max(now, transfer.wakeAt)
      step = advance(transfer, { kind: 'wake', at: now })
    }
    perform(step)
  }
  return { step, received: receiver.expected - 1, sendsOnDuplicateAck, virtualMs: now }
}

t.test('through loss, duplication and reordering every transfer comes to its end', async () => {
  fc.assert(
    fc.property(terms, weather, (terms, weather) => {
      const { step, received, sendsOnDuplicateAck } = simulate(terms, weather)
      return step.kind === 'done' && received === terms.blocks && sendsOnDuplicateAck === 0 // T3
    }),
    { numRuns: 150 }
  )
})

t.test('the machine never has more than a window under way, whatever ACKs it hears', async () => {
  fc.assert(
    fc.property(
      terms,
      fc.array(fc.tuple(block, fc.integer({ min: 0, max: 500 })), { maxLength: 200 }),
      (terms, acks) => {
        let step = begin(terms, 0)
        let now = 0
        for (const [block, ms] of acks) {
          if (step.kind === 'done' || step.kind === 'failed') return true
          const { next }: { next: Transfer } = step
          if (next.sentTo - next.acked > Math.max(1, terms.windowsize) || next.acked > terms.blocks) return false
          now += ms
          step = advance(next, block % 3 === 0 ? { kind: 'wake', at: now } : { kind: 'ack', block, at: now })
        }
        return true
      }
    ),
    { numRuns: 1000 }
  )
})
