// The same clients in a network that loses packets both ways (nftables on a loopback of our own).
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { enterOwnNetwork } from '../support/netns.ts'
import { type Target, tftpFetch } from '../support/tftp-client.ts'
import { atftp, busyboxTftp, curl, digestOf, fetchWith, type Program, tftpHpa } from '../support/tftp-programs.ts'
import { file, serveTftp } from '../support/tftp-server.ts'

const nft = (rules: string) => promisify(execFile)('nft', [rules])

await enterOwnNetwork()
await nft('add table inet weather; add chain inet weather input { type filter hook input priority 0; }')

/** Every UDP datagram on loopback passes `input` once, whichever way it goes. */
async function loseEachWay(percent: number): Promise<void> {
  await nft(
    `flush chain inet weather input; add rule inet weather input meta l4proto udp numgen random mod 1000 < ${percent * 10} drop`
  )
}

const body = randomBytes(1_000_000)
const path = join(t.testdir(), 'image')
writeFileSync(path, body)
const sha256 = digestOf(body)
const image = { image: file(path, body.length) }

/** atftp gives up when an OACK comes twice, as it must when its ACK 0 was lost: its user would call it again. */
async function fetchPatiently(program: Program, at: Target, local: string, attempts = 4): Promise<string> {
  try {
    return await fetchWith(program, at, 'image', local, 170_000)
  } catch (error) {
    if (attempts === 1 || !/unexpected OACK/.test(String(error))) throw error
    return fetchPatiently(program, at, local, attempts - 1)
  }
}

const programs: readonly Program[] = [
  tftpHpa,
  atftp('blksize 1428'),
  atftp('blksize 1428', 'windowsize 4'),
  atftp('blksize 1428', 'windowsize 16'),
  atftp('blksize 1428', 'windowsize 64'),
  busyboxTftp(1428),
  curl('--tftp-blksize', '1428')
]

for (const percent of [1, 5]) {
  for (const program of programs) {
    t.test(`${percent} % lost each way: ${program.what} gets it whole`, { timeout: 180_000 }, async (t) => {
      await loseEachWay(percent)
      await using tftp = await serveTftp(image)
      const began = performance.now()
      t.equal(await fetchPatiently(program, tftp.at, join(t.testdir(), 'got')), sha256)
      t.comment(`${((performance.now() - began) / 1000).toFixed(1)} s`, tftp.server.counters)
    })
  }

  for (const windowsize of [1, 4, 16, 64]) {
    t.test(`${percent} % lost each way: ten clients at once, windowsize ${windowsize}`, async (t) => {
      await loseEachWay(percent)
      await using tftp = await serveTftp(image)
      const began = performance.now()
      const fetches = Array.from({ length: 10 }, () =>
        tftpFetch(tftp.at, 'image', { options: { blksize: 1428, windowsize }, keep: false })
      )
      const got = await Promise.all(fetches)
      t.same(new Set(got.map((one) => one.sha256)), new Set([sha256]))
      const seconds = (performance.now() - began) / 1000
      t.comment(`${seconds.toFixed(1)} s, ${(10 / seconds).toFixed(1)} MB/s`, tftp.server.counters)
      t.equal(tftp.server.counters.transfersFailed, 0)
    })
  }
}
