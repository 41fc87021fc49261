// Clients that others wrote, on loopback: each gets every byte.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { UdpEngine } from '../../server/net/udp.ts'
import {
  atftp,
  busyboxTftp,
  curl,
  digestOf,
  fetchWith,
  npmTftp,
  type Program,
  tftpHpa,
  tftpHpaAscii
} from '../support/tftp-programs.ts'
import { file, serveTftp as serve, text, udpEngines } from '../support/tftp-server.ts'

const run = promisify(execFile)
const dir = t.testdir()
const sizes = { empty: 0, one: 1, block: 512, blocks: 1428 * 16, odd: 300_001, large: 3_000_000 }
const bodies = new Map(Object.entries(sizes).map(([name, size]) => [name, randomBytes(size)]))
const resources = Object.fromEntries(
  [...bodies].map(([name, body]) => {
    const path = join(dir, `served-${name}`)
    writeFileSync(path, body)
    return [name, file(path, body.length)]
  })
)

const programs: readonly Program[] = [
  tftpHpa,
  atftp(),
  atftp('blksize 1428'),
  atftp('blksize 1428', 'windowsize 4'),
  atftp('blksize 1428', 'windowsize 16', 'tsize 0', 'timeout 2'),
  atftp('blksize 8192', 'windowsize 64'),
  atftp('multicast ', 'blksize 1024'),
  busyboxTftp(),
  busyboxTftp(1428),
  curl(),
  curl('--tftp-blksize', '1428'),
  curl('--tftp-no-options'),
  npmTftp({ blockSize: 512, windowSize: 1 }),
  npmTftp()
]

for (const udp of await udpEngines()) {
  t.test(`the ${udp.kind} engine`, { timeout: 600_000 }, async (t) => suite(t, udp))
}

function suite(t: Test, udp: UdpEngine): void {
  const serveTftp: typeof serve = (resources, options) => serve(resources, { udp, ...options })
  for (const program of programs) {
    t.test(`${program.what} gets every size whole`, { timeout: 120_000 }, async (t) => {
      await using tftp = await serveTftp(resources)
      for (const [name, body] of bodies) {
        const local = join(t.testdir(), 'got')
        t.equal(await fetchWith(program, tftp.at, name, local), digestOf(body), name)
      }
      t.equal(tftp.server.counters.transfersFailed, 0)
      t.equal(tftp.server.counters.drops.malformed, 0)
    })
  }

  t.test('T12: past 65,535 blocks', { timeout: 120_000 }, async (t) => {
    const body = randomBytes(512 * 66_000 + 100)
    writeFileSync(join(dir, 'past'), body)
    await using tftp = await serveTftp({ past: file(join(dir, 'past'), body.length) })
    for (const program of [tftpHpa, atftp('windowsize 16'), busyboxTftp(), curl()]) {
      t.equal(await fetchWith(program, tftp.at, 'past', join(t.testdir(), 'got')), digestOf(body), program.what)
    }
  })

  t.test('T21: tftp-hpa in netascii gets its line ends', async (t) => {
    const body = 'first line\nsecond\n'.repeat(1000)
    await using tftp = await serveTftp({ 'a.txt': text(body) })
    const local = join(t.testdir(), 'got')
    await fetchWith(tftpHpaAscii, tftp.at, 'a.txt', local)
    t.equal(readFileSync(local, 'utf8'), body)
  })

  t.test('T15: they say what is wrong', async (t) => {
    await using tftp = await serveTftp(resources)
    const complaints: readonly (readonly [Program, RegExp])[] = [
      [atftp(), /file not found/i],
      [busyboxTftp(), /file not found/i],
      [curl(), /\(68\)/] // its number for "file not found"
    ]
    for (const [program, complaint] of complaints) {
      await t.rejects(
        fetchWith(program, tftp.at, 'no-such-name', join(t.testdir(), 'got')),
        { message: complaint },
        program.what
      )
    }
    t.equal(tftp.server.counters.errors[1], complaints.length)
  })

  t.test('T17: nobody writes here', async (t) => {
    await using tftp = await serveTftp(resources)
    const local = join(t.testdir({ mine: 'mine' }), 'mine')
    const put = run('curl', ['--silent', '--show-error', '-T', local, `tftp://127.0.0.1:${tftp.at.port}/odd`])
    await t.rejects(put)
    t.equal(tftp.server.counters.errors[2], 1)
    t.equal(digestOf(readFileSync(join(dir, 'served-odd'))), digestOf(bodies.get('odd') ?? Buffer.alloc(0)))
  })
}
