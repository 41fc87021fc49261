// Behind the firewall of docs/operating.md, which knows nothing of TFTP but its ports.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { ChannelPorts } from '../../server/net/udp.ts'
import { enterOwnNetwork, ip, Namespace } from '../support/netns.ts'
import { atftp, busyboxTftp, curl, digestOf, type Program, tftpHpa } from '../support/tftp-programs.ts'
import { file, serveTftp, udpEngines } from '../support/tftp-server.ts'

const SERVER = '10.9.0.1'
const dir = t.testdir()
const body = randomBytes(300_001)
writeFileSync(join(dir, 'image'), body)

const manual = readFileSync(join(import.meta.dirname, '../../docs/operating.md'), 'utf8')
const [range] = [...manual.matchAll(/```\n(table inet boot[^`]*30000-30999[^`]*)```/g)].map(([, rules = '']) => rules)
if (!range) throw new Error('docs/operating.md has no such firewall any more')
const onePort = range.replaceAll(', 30000-30999', '')

const programs: readonly Program[] = [tftpHpa, atftp('windowsize 16'), busyboxTftp(1428), curl()]

await enterOwnNetwork()
const client = await Namespace.create()
t.teardown(() => client[Symbol.asyncDispose]())
await client.cable('eth1', 'eth0')
await ip(`address add ${SERVER}/24 dev eth1`)
await client.exec('ip', 'address', 'add', '10.9.0.2/24', 'dev', 'eth0')

async function fetched(program: Program): Promise<string> {
  const local = join(dir, 'got')
  await client.exec('rm', '-f', local)
  await client.exec('timeout', '3', ...program.command({ address: SERVER, port: 69 }, 'image', local))
  return (await client.exec('sha256sum', local)).stdout.slice(0, 64)
}

const cases: readonly (readonly [string, ChannelPorts, string])[] = [
  ['one port for all', 'same', onePort],
  ['a range of ports', { from: 30_000, to: 30_999 }, range]
]

for (const udp of await udpEngines()) {
  for (const [what, transferPorts, rules] of cases) {
    t.test(`T20: ${udp.kind}: ${what} gets through`, { timeout: 60_000 }, async (t) => {
      await promisify(execFile)('nft', [rules])
      try {
        const options = { udp, addresses: [SERVER], port: 69, transferPorts }
        await using _tftp = await serveTftp({ image: file(join(dir, 'image'), body.length) }, options)
        for (const program of programs) t.equal(await fetched(program), digestOf(body), program.what)
      } finally {
        await promisify(execFile)('nft', ['delete table inet boot'])
      }
    })
  }

  t.test(`T20: ${udp.kind}: ports of its own choice do not`, { timeout: 60_000 }, async (t) => {
    await promisify(execFile)('nft', [range])
    const options = { udp, addresses: [SERVER], port: 69 }
    await using _tftp = await serveTftp({ image: file(join(dir, 'image'), body.length) }, options)
    t.not(await fetched(curl()), digestOf(body))
    await promisify(execFile)('nft', ['delete table inet boot'])
  })
}
