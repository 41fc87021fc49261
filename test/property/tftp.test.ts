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
import { advance, begin, type Transfer, type TransferTerms } from '../../server/tftp/transfer.ts'
import { MalformedPacket } from '../../server/wire/cursor.ts'
import { type Link, type Manner, type Party, type Played, play } from '../support/simulated-tftp.ts'

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
      const terms = negotiate(options, size, 'octet', { blksize: 1468, windowsize: 64, windowBytes: 128 * 1024 })
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

// ---- the transfer machine against receivers over bad networks, in virtual time ----

const terms: fc.Arbitrary<TransferTerms> = fc.record({
  blocks: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 6, max: 400 })),
  windowsize: fc.constantFrom(1, 2, 4, 16, 64),
  oack: fc.boolean(),
  initialTimeoutMs: fc.constant(1000),
  minTimeoutMs: fc.constantFrom(10, 50, 1000),
  maxTimeoutMs: fc.constant(4000),
  giveUpAfterMs: fc.constant(600_000), // patience beyond any streak of bad luck: what is tested is that it gets on
  minTries: fc.constant(5)
})
const manner = fc.constantFrom<Manner>('each', 'run', 'once')
const seed = fc.integer()

/** Chances are in a thousand. */
const weather = (limits: { readonly loss: number; readonly duplication: number; readonly jitterMs: number }) =>
  fc.record({
    seed,
    loss: fc.integer({ min: 0, max: limits.loss }),
    duplication: fc.integer({ min: 0, max: limits.duplication }),
    delayMs: fc.constantFrom(0.05, 1, 20),
    jitterMs: fc.integer({ min: 0, max: limits.jitterMs })
  })

function alone(terms: TransferTerms, manner: Manner, link: Link): Played {
  const [played] = play([{ terms, manner, repeatMs: 4000 }], link)
  if (!played) throw new Error('one party, one end')
  return played
}

const arrived = ({ step, received }: Played, { blocks }: TransferTerms) => step.kind === 'done' && received === blocks

t.test('T3, T11: through loss, duplication and reordering every transfer comes to its end', async () => {
  fc.assert(
    fc.property(terms, manner, weather({ loss: 200, duplication: 200, jitterMs: 30 }), (terms, manner, link) => {
      const played = alone(terms, manner, link)
      return arrived(played, terms) && played.sendsOnDuplicateAck === 0
    }),
    { numRuns: 150 }
  )
})

t.test('where packets stay in order, a loss costs a window and no more', async () => {
  fc.assert(
    fc.property(terms, manner, weather({ loss: 50, duplication: 0, jitterMs: 0 }), (terms, manner, link) => {
      const { dataSent, dataLost, acksLost, wakes } = alone(terms, manner, link)
      return dataSent <= terms.blocks + 1 + (dataLost + acksLost + wakes) * terms.windowsize
    }),
    { numRuns: 150 }
  )
})

t.test('T3: in lockstep, packets that come twice cause none', async () => {
  fc.assert(
    fc.property(terms, manner, weather({ loss: 0, duplication: 300, jitterMs: 0 }), (terms, manner, link) => {
      const lockstep = { ...terms, windowsize: 1, minTimeoutMs: 1000 }
      const { dataSent } = alone(lockstep, manner, link)
      return dataSent === terms.blocks + (terms.oack ? 1 : 0)
    }),
    { numRuns: 150 }
  )
})

t.test('T3: in windows, a packet that comes twice costs a window at most, and does not go on doubling', async () => {
  fc.assert(
    fc.property(terms, manner, weather({ loss: 0, duplication: 50, jitterMs: 0 }), (terms, manner, link) => {
      const { dataSent, dataDoubled } = alone({ ...terms, minTimeoutMs: 1000 }, manner, link)
      return dataSent <= terms.blocks + 1 + dataDoubled * terms.windowsize
    }),
    { numRuns: 150 }
  )
})

t.test(
  'T4: that a host of either side is late is no silence, if the client is late for less than the floor',
  async () => {
    fc.assert(
      fc.property(terms, manner, seed, (terms, manner, seed) => {
        const link = { seed, loss: 0, duplication: 0, delayMs: 0.5, jitterMs: 0, stalls: { everyMs: 10, upToMs: 8 } }
        const { dataSent, wakes } = alone(terms, manner, link)
        return wakes === 0 && dataSent === terms.blocks + (terms.oack ? 1 : 0)
      }),
      { numRuns: 150 }
    )
  }
)

t.test('T3: where every packet comes twice, both ways, three windows are sent again and no more', async () => {
  const doubled = fc.record({ seed, delayMs: fc.constantFrom(0.05, 1, 20) })
  fc.assert(
    fc.property(terms, manner, doubled, (terms, manner, way) => {
      const link = { ...way, loss: 0, duplication: 1000, jitterMs: 0 }
      const played = alone({ ...terms, minTimeoutMs: 1000 }, manner, link)
      return arrived(played, terms) && played.dataSent <= terms.blocks + 1 + 3 * terms.windowsize
    }),
    { numRuns: 150 }
  )
})

t.test('a narrow link shared by many is used and shared well', async () => {
  const terms = { blocks: 1401, windowsize: 16, oack: true, initialTimeoutMs: 1000, minTimeoutMs: 10 }
  const party: Party = {
    terms: { ...terms, maxTimeoutMs: 10_000, giveUpAfterMs: 15_000, minTries: 5 },
    manner: 'each',
    repeatMs: 4000
  }
  const link = { loss: 0, duplication: 0, delayMs: 0.05, jitterMs: 0 }
  const bottleneck = { megabits: 100, queueBytes: 256 * 1024 }
  for (const seed of [1, 2, 3]) {
    const played = play(new Array<Party>(20).fill(party), { ...link, seed, bottleneck })
    const ends = played.map(({ endedAtMs }) => endedAtMs)
    const sent = played.reduce((sum, { dataSent }) => sum + dataSent, 0)
    t.ok(played.every((one) => arrived(one, party.terms)))
    t.ok(sent < 1.1 * 20 * 1401, `${sent} blocks sent`)
    t.ok(Math.min(...ends) > 0.8 * Math.max(...ends), `${Math.min(...ends)} to ${Math.max(...ends)} ms`)
  }
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
