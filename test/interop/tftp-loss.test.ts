// The same clients in a network that loses packets both ways (nftables on a loopback of our own).
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { UdpEngine } from '../../server/net/udp.ts'
import { enterOwnNetwork } from '../support/netns.ts'
import { type Target, tftpFetch } from '../support/tftp-client.ts'
import { atftp, busyboxTftp, curl, digestOf, fetchWith, type Program, tftpHpa } from '../support/tftp-programs.ts'
import { file, serveTftp, udpEngines } from '../support/tftp-server.ts'

const nft = (rules: string) => promisify(execFile)('nft', [rules])

await enterOwnNetwork()
await nft('add table inet weather; add chain inet weather input { type filter hook input priority 0; }')

/** Every UDP datagram on loopback passes `input` once, whichever way it goes. */
async function loseEachWay(percent: number): Promise<void> {
  await nft(
    `flush chain inet weather input; add rule inet weather input meta l4proto udp numgen random mod 1000 < ${percent * 10} drop`
  )
}

const directory = t.testdir()
function served(name: string, sizeBytes: number) {
  const body = randomBytes(sizeBytes)
  const path = join(directory, name)
  writeFileSync(path, body)
  return { resource: file(path, sizeBytes), sha256: digestOf(body) }
}
const image = served('image', 1_000_000)
/** A boot loader's size: here the OACK, its ACK and the last ACK are lost as often as the rest. */
const loader = served('loader', 60_000)
const resources = { image: image.resource, loader: loader.resource }

/** atftp gives up when an OACK comes twice, as it must when its ACK 0 was lost: its user would call it again. */
async function fetchPatiently(program: Program, at: Target, name: string, local: string, tries = 4): Promise<string> {
  try {
    return await fetchWith(program, at, name, local, 170_000)
  } catch (error) {
    if (tries === 1 || !/unexpected OACK/.test(String(error))) throw error
    return fetchPatiently(program, at, name, local, tries - 1)
  }
}

const AT_ONCE = 10
/** Every tenth client is a foreign one. */
const FOREIGN_SHARE = 10

/** Fetches the loader so often, ten clients at once; answers with the digests. */
async function fetchLoaders(count: number, windowsize: number, at: Target): Promise<ReadonlySet<string>> {
  const digests = new Set<string>()
  const foreign = atftp('blksize 1428', ...(windowsize > 1 ? [`windowsize ${windowsize}`] : []))
  let left = count
  const client = async (_: unknown, index: number) => {
    for (; left > 0; ) {
      const isForeign = left-- % FOREIGN_SHARE === 0
      digests.add(
        isForeign
          ? await fetchPatiently(foreign, at, 'loader', join(directory, `got-${index}`))
          : (await tftpFetch(at, 'loader', { options: { blksize: 1428, windowsize }, keep: false })).sha256
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, client))
  return digests
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

for (const udp of await udpEngines()) {
  t.test(`the ${udp.kind} engine`, { timeout: 900_000 }, async (t) => suite(t, udp))
}

function suite(t: Test, udp: UdpEngine): void {
  const isDefault = udp.kind === 'native'
  for (const [percent, count] of [
    [1, isDefault ? 250 : 50],
    [5, isDefault ? 50 : 10]
  ] as const) {
    for (const windowsize of [1, 4, 16, 64]) {
      const title = `${percent} % lost each way: ${count} transfers, windowsize ${windowsize}, none fails`
      t.test(title, { timeout: 180_000 }, async (t) => {
        await loseEachWay(percent)
        await using tftp = await serveTftp(resources, { udp })
        const began = performance.now()
        t.same(await fetchLoaders(count, windowsize, tftp.at), new Set([loader.sha256]))
        t.equal(tftp.server.counters.transfersFailed, 0)
        t.comment(`${((performance.now() - began) / 1000).toFixed(1)} s`, tftp.server.counters)
      })
    }

    for (const program of programs) {
      t.test(`${percent} % lost each way: ${program.what} gets it whole`, { timeout: 180_000 }, async (t) => {
        await loseEachWay(percent)
        await using tftp = await serveTftp(resources, { udp })
        const began = performance.now()
        t.equal(await fetchPatiently(program, tftp.at, 'image', join(directory, 'got')), image.sha256)
        t.comment(`${((performance.now() - began) / 1000).toFixed(1)} s`, tftp.server.counters)
      })
    }

    for (const windowsize of [1, 4, 16, 64]) {
      t.test(`${percent} % lost each way: ten clients at once, windowsize ${windowsize}`, async (t) => {
        await loseEachWay(percent)
        await using tftp = await serveTftp(resources, { udp })
        const began = performance.now()
        const fetches = Array.from({ length: 10 }, () =>
          tftpFetch(tftp.at, 'image', { options: { blksize: 1428, windowsize }, keep: false })
        )
        const got = await Promise.all(fetches)
        t.same(new Set(got.map((one) => one.sha256)), new Set([image.sha256]))
        const seconds = (performance.now() - began) / 1000
        t.comment(`${seconds.toFixed(1)} s, ${(10 / seconds).toFixed(1)} MB/s`, tftp.server.counters)
        t.equal(tftp.server.counters.transfersFailed, 0)
      })
    }
  }
}
