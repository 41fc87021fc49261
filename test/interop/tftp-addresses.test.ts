// The server on a machine with several addresses of both families, and cards that come and go.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { type InterfaceWatch, watchInterfaces } from '../../server/net/interface-watch.ts'
import { localAddresses } from '../../server/net/interfaces.ts'
import { encodeError } from '../../server/tftp/packet.ts'
import { enterOwnNetwork, eventually, ip, Namespace } from '../support/netns.ts'
import { RawTftpClient, type Received, type Target, tftpFetch } from '../support/tftp-client.ts'
import { digestOf, type Program } from '../support/tftp-programs.ts'
import { file, serveTftp } from '../support/tftp-server.ts'

await enterOwnNetwork()
const dir = t.testdir()
const body = randomBytes(700_001)
writeFileSync(join(dir, 'image'), body)
const image = { image: file(join(dir, 'image'), body.length) }

const everywhere = { addresses: ['0.0.0.0', '::'] }
const SERVER = 'fd00:77::1'
const overIpv6: readonly Program[] = [
  {
    what: 'curl',
    command: (at, name, local) => [
      'curl',
      '--silent',
      '--show-error',
      '-o',
      local,
      `tftp://[${at.address}]:${at.port}/${name}`
    ]
  },
  {
    what: 'tftp-hpa',
    command: (at, name, local) => ['tftp', '-6', '-m', 'binary', at.address, String(at.port), '-c', 'get', name, local]
  },
  ...[1, 16].map(
    (windowsize): Program => ({
      what: `atftp, windowsize ${windowsize}`,
      command: (at, name, local) => [
        'atftp',
        ...['--option', 'blksize 1428', '--option', `windowsize ${windowsize}`],
        ...['--get', '-r', name, '-l', local, at.address, String(at.port)]
      ]
    })
  )
]

async function neighbour(): Promise<Namespace> {
  const client = await Namespace.create()
  await client.cable('srv0', 'cli0')
  for (const line of ['10.9.0.1/24', `${SERVER}/64 nodad`]) await ip(`address add ${line} dev srv0`)
  for (const line of ['10.9.0.2/24', 'fd00:77::2/64 nodad']) {
    await client.exec('ip', ...`address add ${line} dev cli0`.split(' '))
  }
  return client
}

t.test(
  'over IPv6, foreign clients get every byte, from the address that they asked',
  { timeout: 120_000 },
  async (t) => {
    await using client = await neighbour()
    using interfaces = await watched()
    await using tftp = await serveTftp(image, { ...everywhere, interfaces })
    for (const { what, command } of overIpv6) {
      const local = join(dir, 'got')
      const { code, stderr } = await client.exec(
        ...command({ address: SERVER, port: tftp.server.port }, 'image', local)
      )
      t.equal(code, 0, `${what}: ${stderr}`)
      const { stdout } = await client.exec('sha256sum', local)
      t.match(stdout, digestOf(body), what)
      await client.exec('rm', '-f', local)
    }
    t.equal(tftp.server.counters.transfersOk, overIpv6.length)
    t.equal(tftp.reports.at(-1)?.outcome, 'ok')
  }
)

t.test('T8: a block fills the card and no more, by the header of its family', async (t) => {
  await using _client = await neighbour()
  using interfaces = await watched()
  await using tftp = await serveTftp(image, { ...everywhere, interfaces })
  const linkLocal = await eventually('a link-local address', () =>
    localAddresses(['::'], interfaces.current).find(({ address }) => address.endsWith('%srv0'))
  )
  for (const [address, blksize] of [
    ['10.9.0.1', 1468],
    [SERVER, 1448],
    [linkLocal.address, 1448]
  ] as const) {
    const oack = await firstAnswer({ address, port: tftp.server.port })
    t.match(oack, {
      packet: { kind: 'oack', options: new Map([['blksize', String(blksize)]]) },
      from: { address }
    })
  }
})

t.test('an address that goes away and comes back is served again', { timeout: 60_000 }, async (t) => {
  await using _client = await neighbour()
  using interfaces = await watched()
  await using tftp = await serveTftp(image, { ...everywhere, interfaces })
  const there = { address: '10.9.0.1', port: tftp.server.port }
  t.ok(await firstAnswer(there))
  await ip('link delete srv0')
  t.equal((await tftpFetch(tftp.at, 'image')).sha256, digestOf(body), 'the others are served meanwhile')
  await using _again = await neighbour()
  for (const address of ['10.9.0.1', SERVER]) t.ok(await firstAnswer({ ...there, address }), address)
})

async function watched(): Promise<InterfaceWatch & Disposable> {
  const watch = await watchInterfaces({ clock: systemClock, log: pino({ level: 'silent' }) })
  return Object.assign(watch, { [Symbol.dispose]: () => watch.close() })
}

/** Asks until somebody answers, as firmware does. */
async function firstAnswer(to: Target): Promise<Received> {
  for (const end = performance.now() + 20_000; performance.now() < end; ) {
    await using client = await RawTftpClient.open(to.address)
    client.read('image', { blksize: 9000 }, to)
    const answer = await client.next(500)
    if (answer) {
      client.send(encodeError(0, 'enough'), answer.from)
      return answer
    }
  }
  throw new Error(`${to.address} does not answer`)
}
