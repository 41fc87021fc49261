// A network that doubles datagrams and lets them overtake one another, between the server and clients that others wrote.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Relay, type Treatment } from '../support/relay.ts'
import { atftp, busyboxTftp, curl, digestOf, fetchWith, type Program, tftpHpa } from '../support/tftp-programs.ts'
import { file, serveTftp } from '../support/tftp-server.ts'

const BLOCKS = 500
const BLKSIZE = 512
const LATE_EVERY = 50
const body = randomBytes(BLOCKS * BLKSIZE - 100)
const sha256 = digestOf(body)
const directory = t.testdir()
const path = join(directory, 'image')
writeFileSync(path, body)
const image = { image: file(path, body.length) }
/** Longer than any pause of this machine: what is sent again is not the timer's doing. */
const PATIENT = { limits: { minTimeoutMs: 5000, initialTimeoutMs: 5000 } }

const programs: readonly Program[] = [
  tftpHpa,
  busyboxTftp(BLKSIZE),
  curl('--tftp-blksize', String(BLKSIZE)),
  atftp(),
  atftp('windowsize 4'),
  atftp('windowsize 16'),
  atftp('windowsize 64')
]
const windowsizeOf = (program: Program) => Number(/windowsize (\d+)/.exec(program.what)?.[1] ?? 1)
const inLockstep = (program: Program) => windowsizeOf(program) === 1

async function fetchThrough(program: Program, treatment: Treatment, options = {}) {
  await using tftp = await serveTftp(image, options)
  await using relay = await Relay.open(tftp.at, treatment)
  const digest = await fetchWith(program, relay.at, 'image', join(directory, 'got'))
  return { digest, data: relay.data, repeatedData: relay.repeatedData, acks: relay.acks }
}

for (const program of programs) {
  t.test(`T3: ${program.what}: ACKs that come twice cause no block twice`, { timeout: 60_000 }, async (t) => {
    const got = await fetchThrough(program, { ackCopies: () => 2 }, PATIENT)
    t.equal(got.digest, sha256)
    t.equal(got.data, BLOCKS)
  })

  t.test(`T3: ${program.what}: blocks that come twice do not go on doubling`, { timeout: 60_000 }, async (t) => {
    const doubled = (n: number) => n % 50 === 7
    const got = await fetchThrough(program, { dataCopies: (n) => (doubled(n) ? 2 : 1) }, PATIENT)
    t.equal(got.digest, sha256)
    // In lockstep none is sent again. To a window a block too many looks like one too few: it is begun again, once.
    if (inLockstep(program)) t.equal(got.data, BLOCKS)
    else
      t.ok(
        got.data <= BLOCKS + Math.ceil(got.data / 50) * windowsizeOf(program),
        `${got.data} blocks sent, ${got.repeatedData} of them again`
      )
  })

  t.test(`T3: ${program.what}: where all packets come twice, blocks are sent once`, { timeout: 60_000 }, async (t) => {
    const got = await fetchThrough(program, { ackCopies: () => 2, dataCopies: () => 2 }, PATIENT)
    t.equal(got.digest, sha256)
    // Where the relay stands still for a moment, a window seems lost.
    const bound = inLockstep(program) ? BLOCKS : BLOCKS + 5 * windowsizeOf(program)
    t.ok(got.data <= bound, `${got.data} blocks sent, ${got.repeatedData} of them again`)
  })

  // Of a block that is overtaken the client says by an ACK in mid-window that it did not come (RFC 7440 §4), and has that
  // block and the rest of its window again. The first block of a window is missed without a word of news: a repeated ACK.
  t.test(
    `T3: ${program.what}: a block that is overtaken costs the rest of its window`,
    { timeout: 60_000 },
    async (t) => {
      const late = (n: number) => (n < BLOCKS && n % LATE_EVERY === 3 ? 5 : 0)
      const got = await fetchThrough(program, { dataDelayMs: late }, PATIENT)
      t.equal(got.digest, sha256)
      const bound = BLOCKS + (BLOCKS / LATE_EVERY) * (windowsizeOf(program) - 1)
      t.ok(got.data <= bound, `${got.data} blocks sent, at most ${bound}`)
      if (!inLockstep(program)) t.ok(got.data > BLOCKS, 'and overtaken they were')
    }
  )

  t.test(`${program.what}: where blocks come late or twice, all bytes arrive`, { timeout: 60_000 }, async (t) => {
    const late = (n: number) => (n % 20 === 3 ? 5 : 0)
    const got = await fetchThrough(program, { dataDelayMs: late, dataCopies: (n) => (n % 30 === 4 ? 2 : 1) })
    t.equal(got.digest, sha256)
    t.comment(`${got.data} blocks sent, ${got.repeatedData} of them again`)
  })
}
