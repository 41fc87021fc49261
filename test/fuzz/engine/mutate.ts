// New inputs from old ones: small damage, known words, and parts moved, doubled, dropped or borrowed from another input.
import type { Random } from './random.ts'
import type { Span } from './target.ts'

export interface Mutations {
  readonly random: Random
  readonly words: readonly Buffer[]
  readonly maxBytes: number
  readonly spans: (input: Buffer) => readonly Span[]
}

const MOST_MUTATIONS = 6
const LONGEST_RUN = 64
const ODD_BYTES = [0, 1, 2, 16, 32, 63, 64, 100, 127, 128, 129, 254, 255]
const ODD_NUMBERS = [0, 1, 127, 128, 255, 256, 511, 512, 1024, 1468, 4096, 32767, 32768, 65464, 65535]

/** Another input, made of `input` and a part of `other`. */
export function mutate(input: Buffer, other: Buffer, how: Mutations): Buffer {
  let made: Buffer = Buffer.from(input)
  for (let left = 1 + how.random.below(MOST_MUTATIONS); left > 0; left--) {
    const change = how.random.pick(CHANGES)
    if (change) made = change(made, other, how)
  }
  return made.subarray(0, how.maxBytes)
}

type Change = (input: Buffer, other: Buffer, how: Mutations) => Buffer

const CHANGES: readonly Change[] = [
  flipBit,
  setByte,
  setByte,
  addToByte,
  setNumber,
  truncate,
  removeRun,
  insertNoise,
  repeatRun,
  overwriteWithWord,
  insertWord,
  insertWord,
  join,
  dropSpan,
  doubleSpan,
  swapSpans,
  borrowSpan,
  borrowSpan,
  replaceSpan
]

function flipBit(input: Buffer, _other: Buffer, { random }: Mutations): Buffer {
  const at = random.below(input.length)
  if (at < input.length) input[at] = (input[at] ?? 0) ^ (1 << random.below(8))
  return input
}

function setByte(input: Buffer, _other: Buffer, { random }: Mutations): Buffer {
  const at = random.below(input.length)
  if (at < input.length) input[at] = random.pick(ODD_BYTES) ?? random.below(256)
  return input
}

function addToByte(input: Buffer, _other: Buffer, { random }: Mutations): Buffer {
  const at = random.below(input.length)
  if (at < input.length) input[at] = (input[at] ?? 0) + random.below(33) - 16
  return input
}

function setNumber(input: Buffer, _other: Buffer, { random }: Mutations): Buffer {
  const value = random.pick(ODD_NUMBERS) ?? 0
  const wide = random.below(2) === 1
  if (input.length < (wide ? 4 : 2)) return input
  const at = random.below(input.length - (wide ? 3 : 1))
  if (wide) input.writeUInt32BE(random.below(2) === 1 ? 0xffffffff - value : value, at)
  else input.writeUInt16BE(value, at)
  return input
}

function truncate(input: Buffer, _other: Buffer, { random }: Mutations): Buffer {
  return input.subarray(0, random.below(input.length + 1))
}

function removeRun(input: Buffer, _other: Buffer, { random }: Mutations): Buffer {
  const { start, end } = run(input, random)
  return replaced(input, start, end, NOTHING)
}

function insertNoise(input: Buffer, _other: Buffer, { random }: Mutations): Buffer {
  const noise = Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256)))
  const at = random.below(input.length + 1)
  return replaced(input, at, at, noise)
}

function repeatRun(input: Buffer, _other: Buffer, { random }: Mutations): Buffer {
  const { start, end } = run(input, random)
  const piece = input.subarray(start, end)
  const times = 1 << random.below(7)
  return replaced(input, end, end, Buffer.concat(Array.from({ length: times }, () => piece)))
}

function overwriteWithWord(input: Buffer, _other: Buffer, { random, words }: Mutations): Buffer {
  const word = random.pick(words) ?? NOTHING
  const at = random.below(input.length + 1)
  return replaced(input, at, Math.min(input.length, at + word.length), word)
}

function insertWord(input: Buffer, _other: Buffer, { random, words }: Mutations): Buffer {
  const at = random.below(input.length + 1)
  return replaced(input, at, at, random.pick(words) ?? NOTHING)
}

function join(input: Buffer, other: Buffer, { random }: Mutations): Buffer {
  const head = input.subarray(0, random.below(input.length + 1))
  return Buffer.concat([head, other.subarray(random.below(other.length + 1))])
}

function dropSpan(input: Buffer, _other: Buffer, how: Mutations): Buffer {
  const span = spanOf(input, how)
  return replaced(input, span.start, span.end, NOTHING)
}

function doubleSpan(input: Buffer, _other: Buffer, how: Mutations): Buffer {
  const { start, end } = spanOf(input, how)
  return replaced(input, end, end, input.subarray(start, end))
}

function swapSpans(input: Buffer, _other: Buffer, how: Mutations): Buffer {
  const [a, b] = [spanOf(input, how), spanOf(input, how)].sort((one, two) => one.start - two.start)
  if (!a || !b || a.end > b.start) return input
  const between = input.subarray(a.end, b.start)
  return replaced(input, a.start, b.end, Buffer.concat([cut(input, b), between, cut(input, a)]))
}

function borrowSpan(input: Buffer, other: Buffer, how: Mutations): Buffer {
  const at = spanOf(input, how).end
  return replaced(input, at, at, cut(other, spanOf(other, how)))
}

function replaceSpan(input: Buffer, other: Buffer, how: Mutations): Buffer {
  const { start, end } = spanOf(input, how)
  return replaced(input, start, end, cut(other, spanOf(other, how)))
}

const NOTHING = Buffer.alloc(0)

function spanOf(input: Buffer, { random, spans }: Mutations): Span {
  return random.pick(spans(input)) ?? { start: 0, end: input.length }
}

function run(input: Buffer, random: Random): Span {
  const start = random.below(input.length + 1)
  return { start, end: Math.min(input.length, start + 1 + random.below(LONGEST_RUN)) }
}

function cut(input: Buffer, { start, end }: Span): Buffer {
  return input.subarray(start, end)
}

function replaced(input: Buffer, start: number, end: number, piece: Uint8Array): Buffer {
  return Buffer.concat([input.subarray(0, start), piece, input.subarray(end)])
}
