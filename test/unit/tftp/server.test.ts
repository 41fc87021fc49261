import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ResourceRequest } from '../../../server/boot/model.ts'
import type { UdpEngine } from '../../../server/net/udp.ts'
import { encodeAck, encodeError, encodeRequest } from '../../../server/tftp/packet.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { RawTftpClient, type Received, TftpClientError, tftpFetch } from '../../support/tftp-client.ts'
import { file, serveTftp as serve, text, udpEngines } from '../../support/tftp-server.ts'

const dir = mkdtempSync(join(t.testdir(), 'served-'))
function makeFile(name: string, sizeBytes: number) {
  const body = randomBytes(sizeBytes)
  const path = join(dir, name)
  writeFileSync(path, body)
  return { resource: file(path, sizeBytes), path, sha256: createHash('sha256').update(body).digest('hex') }
}

/** Descriptors of this process: files under test, and sockets. */
function openDescriptors(): { files: number; sockets: number } {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return {
    files: targets.filter((target) => target.startsWith(dir)).length,
    sockets: targets.filter((target) => target.startsWith('socket:')).length
  }
}

/** Files of the test before are closed behind its back. */
async function settledDescriptors(): Promise<{ files: number; sockets: number }> {
  await until(() => openDescriptors().files === 0)
  return openDescriptors()
}

async function until(condition: () => boolean, withinMs = 20_000): Promise<void> {
  const end = performance.now() + withinMs
  while (!condition()) {
    if (performance.now() > end) throw new Error('it did not come to pass')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const kindOf = (received: Received | undefined) => received?.packet.kind

const small = text('#!ipxe\nshell\n')

for (const udp of await udpEngines()) {
  t.test(`the ${udp.kind} engine`, { timeout: 120_000 }, async (t) => suite(t, udp))
}

function suite(t: Test, udp: UdpEngine): void {
  const serveTftp: typeof serve = (resources, options) => serve(resources, { udp, ...options })
  const idleSockets = udp.kind === 'plain' ? 1 : 2
  t.test('a text, with and without options', async (t) => {
    await using tftp = await serveTftp({ 'boot.ipxe': small })
    const plain = await tftpFetch(tftp.at, 'boot.ipxe')
    t.equal(plain.bytes.toString(), '#!ipxe\nshell\n')
    t.equal(plain.oack, undefined)
    const asked = await tftpFetch(tftp.at, '/boot.ipxe', { options: { tsize: 0, blksize: 1432, timeout: 3 } })
    t.same(asked.oack, new Map(Object.entries({ tsize: '13', blksize: '1432', timeout: '3' })))
    await until(() => tftp.server.counters.transfersOk === 2)
    t.match(tftp.reports, [
      { name: 'boot.ipxe', via: 'tftp', outcome: 'started', client: 0x7f000001 },
      { name: 'boot.ipxe', outcome: 'ok', doneBytes: 13, totalBytes: 13, reason: undefined }
    ])
  })

  t.test('T21: netascii is converted, and its size is the converted one', async (t) => {
    await using tftp = await serveTftp({ 'a.txt': text('one\ntwo\n') })
    const got = await tftpFetch(tftp.at, 'a.txt', { mode: 'netascii', options: { tsize: 0, windowsize: 8 } })
    t.equal(got.bytes.toString(), 'one\r\ntwo\r\n')
    t.same(got.oack, new Map([['tsize', '10']]))
  })

  for (const size of [0, 1, 511, 512, 513, 1024, 100_000]) {
    t.test(`T13: ${size} bytes arrive whole`, async (t) => {
      const { resource, sha256 } = makeFile(`size-${size}`, size)
      await using tftp = await serveTftp({ f: resource })
      for (const windowsize of [1, 7, 64]) {
        const got = await tftpFetch(tftp.at, 'f', { options: { windowsize } })
        t.equal(got.sha256, sha256)
      }
    })
  }

  t.test('T12: a file past 65,535 blocks, for real', async (t) => {
    const { resource, sha256 } = makeFile('long', 8 * 66_000)
    await using tftp = await serveTftp({ long: resource })
    const got = await tftpFetch(tftp.at, 'long', { options: { blksize: 8, windowsize: 64 }, keep: false })
    t.equal(got.sha256, sha256)
    t.equal(got.sizeBytes, 8 * 66_000)
  })

  const refusals: readonly (readonly [string, Buffer, number])[] = [
    ['an unknown name gets 1', rrq('nothing.here'), 1],
    ['an empty name gets 1', rrq('/'), 1],
    ['T18: a parent segment gets 2', rrq('../../etc/passwd'), 2],
    ['T18: so with backslashes', rrq('..\\..\\etc\\passwd'), 2],
    ['T17: a write gets 2', request('write', 'boot.ipxe', 'octet'), 2],
    ['T21: mail mode gets 4', request('read', 'boot.ipxe', 'mail'), 4]
  ]
  for (const [what, bytes, errorCode] of refusals) {
    t.test(`T15: ${what}`, async (t) => {
      await using tftp = await serveTftp({ 'boot.ipxe': small })
      await using client = await RawTftpClient.open()
      client.send(bytes, tftp.at)
      t.match(await client.next(), { packet: { kind: 'error', errorCode } })
      t.equal(tftp.server.counters.errors[errorCode], 1)
      t.equal(tftp.server.counters.transfersInFlight, 0)
    })
  }

  t.test('T17: what is malformed, or no request, is counted and gets no answer', async (t) => {
    await using tftp = await serveTftp({ 'boot.ipxe': small })
    await using client = await RawTftpClient.open()
    for (const bytes of ['', '\0', '\0\x01name', '\0\x09x\0y\0', '\0\x01n\0octet\0blksize\0']) {
      client.send(Buffer.from(bytes, 'latin1'), tftp.at)
    }
    for (const bytes of [encodeAck(1), encodeError(0, 'x')]) client.send(bytes, tftp.at)
    await until(() => tftp.server.counters.drops['not-a-request'] === 2)
    t.equal(tftp.server.counters.drops.malformed, 5)
    t.equal(await client.next(50), undefined)
  })

  t.test('T2: the answer comes from the address that was asked', async (t) => {
    const asked: ResourceRequest['server'][] = []
    const resolve = async (request: ResourceRequest) => {
      asked.push(request.server)
      return small
    }
    await using tftp = await serveTftp({}, { addresses: ['127.0.0.1', '127.0.0.2'], resolve })
    for (const address of ['127.0.0.1', '127.0.0.2']) {
      const got = await tftpFetch({ address, port: tftp.server.port }, 'x')
      t.equal(got.server.address, address)
      t.not(got.server.port, tftp.server.port)
    }
    t.same(asked, [0x7f000001, 0x7f000002])
  })

  t.test('T3: an ACK that comes twice doubles nothing', async (t) => {
    const { resource, sha256 } = makeFile('sas', 300_000)
    await using tftp = await serveTftp({ f: resource })
    for (const windowsize of [1, 4]) {
      const got = await tftpFetch(tftp.at, 'f', { ackCopies: 2, options: { windowsize } })
      t.equal(got.sha256, sha256)
      t.equal(got.dataPackets, Math.floor(300_000 / 512) + 1 + got.repeatedData)
      // Sorcerer’s Apprentice would bring all 587 twice; the timers of a busy machine bring a few.
      t.ok(got.repeatedData < 100, `${got.repeatedData} blocks came twice`)
    }
  })

  t.test('losses of DATA and ACK are made good, at every window', async (t) => {
    const { resource, sha256 } = makeFile('lossy', 400_000)
    await using tftp = await serveTftp({ f: resource })
    for (const windowsize of [1, 4, 16, 64]) {
      const got = await tftpFetch(tftp.at, 'f', {
        options: { windowsize, blksize: 1428 },
        losesData: (n) => n % 37 === 5,
        losesAck: (n) => n % 23 === 7
      })
      t.equal(got.sha256, sha256, `windowsize ${windowsize}`)
    }
    t.ok(tftp.server.counters.retransmissions > 0)
  })

  t.test('T14: EDK2 asks for the size and aborts; that is no failure', async (t) => {
    await using tftp = await serveTftp({ 'bootx64.efi': small })
    await using client = await RawTftpClient.open()
    client.read('bootx64.efi', { tsize: 0, blksize: 1468 }, tftp.at)
    const oack = await client.next()
    t.equal(kindOf(oack), 'oack')
    client.send(encodeError(8, 'User aborted the transfer'), oack?.from ?? tftp.at)
    await until(() => tftp.server.counters.probes === 1)
    t.same(tftp.reports, [])
    t.equal(tftp.server.counters.transfersFailed, 0)
  })

  t.test('T16: a repeated RRQ gets the same answer from the same port, and another one replaces', async (t) => {
    const { resource } = makeFile('dup', 10_000)
    await using tftp = await serveTftp({ f: resource, g: small })
    await using client = await RawTftpClient.open()
    client.read('f', { tsize: 0 }, tftp.at)
    client.read('f', { tsize: 0 }, tftp.at)
    const first = await client.next()
    client.read('f', { tsize: 0 }, tftp.at)
    const second = await client.next()
    t.equal(kindOf(first), 'oack')
    t.equal(kindOf(second), 'oack')
    t.equal(first?.from.port, second?.from.port)
    t.equal(tftp.server.counters.transfersInFlight, 1)
    client.read('g', {}, tftp.at)
    for (let received = await client.next(); ; received = await client.next()) {
      if (kindOf(received) !== 'data') continue
      t.match(received, { packet: { block: 1, bytes: Buffer.from('#!ipxe\nshell\n') } })
      break
    }
    t.equal(tftp.server.counters.transfersInFlight, 1)
  })

  t.test('T16: a copy of the RRQ that comes late disturbs no transfer that gets on', async (t) => {
    const { resource } = makeFile('late', 10_000)
    const clock = new FakeClock()
    await using tftp = await serveTftp({ f: resource, g: small }, { clock })
    await using client = await RawTftpClient.open()
    client.read('f', {}, tftp.at)
    const first = await client.next()
    const tid = first?.from ?? tftp.at
    client.send(encodeAck(1), tid)
    t.match(await client.next(), { packet: { kind: 'data', block: 2 } })
    client.read('f', {}, tftp.at)
    await until(() => tftp.server.counters.requests === 2)
    client.send(encodeAck(2), tid)
    t.match(await client.next(), { packet: { kind: 'data', block: 3 }, from: { port: tid.port } })
    clock.advance(1000)
    client.read('f', {}, tftp.at)
    await until(() => tftp.server.counters.transfersFailed === 1)
    t.ok(true, 'but who was silent for a second begins anew')
  })

  for (const transferPorts of ['any', 'same', { from: 41_000, to: 41_099 }] as const) {
    t.test(`T1: a stranger at the transfer port disturbs nothing (${JSON.stringify(transferPorts)})`, async (t) => {
      const { resource } = makeFile('tid', 2000)
      await using tftp = await serveTftp({ f: resource }, { transferPorts })
      await using client = await RawTftpClient.open()
      await using stranger = await RawTftpClient.open()
      client.read('f', {}, tftp.at)
      const first = await client.next()
      const tid = first?.from ?? tftp.at
      for (const bytes of [encodeError(0, 'stop'), Buffer.of(1), encodeAck(1)]) stranger.send(bytes, tid)
      // A connected socket leaves the answer to the kernel: ICMP port unreachable.
      const isShared = udp.kind === 'native' || transferPorts === 'same'
      if (isShared)
        t.match(await stranger.next(), { packet: { kind: 'error', errorCode: 5 }, from: { port: tid.port } })
      t.equal(await client.next(100), undefined)
      client.send(encodeAck(1), tid)
      t.match(await client.next(), { packet: { kind: 'data', block: 2 }, from: { port: tid.port } })
      t.equal(tftp.server.counters.drops['unknown-transfer'], isShared ? 1 : 0)
    })
  }

  t.test('T1: a flood of strangers gets few answers', async (t) => {
    await using tftp = await serveTftp({}, { transferPorts: 'same' })
    await using stranger = await RawTftpClient.open()
    for (let i = 0; i < 300; i++) stranger.send(encodeAck(i), tftp.at)
    await until(() => tftp.server.counters.drops['unknown-transfer'] === 300)
    const answered = tftp.server.counters.errors[5] ?? 0
    t.ok(answered >= 20 && answered < 200, `${answered} answers`)
  })

  t.test('one port for all, and two clients behind one address', async (t) => {
    const { resource, sha256 } = makeFile('single', 300_000)
    await using tftp = await serveTftp({ f: resource }, { transferPorts: 'same' })
    const fetches = [1, 4, 16, 64].map((windowsize) =>
      tftpFetch(tftp.at, 'f', { options: { windowsize, blksize: 1428 } })
    )
    for (const got of await Promise.all(fetches)) {
      t.equal(got.sha256, sha256)
      t.equal(got.server.port, tftp.server.port)
    }
    await until(() => tftp.server.counters.transfersOk === 4)
  })

  t.test('a range of ports holds; beyond it, new requests wait in silence', async (t) => {
    const { resource } = makeFile('range', 10_000)
    await using tftp = await serveTftp({ f: resource }, { transferPorts: { from: 42_000, to: 42_001 } })
    const clients = await Promise.all(Array.from({ length: 3 }, () => RawTftpClient.open()))
    const ports = new Set<number>()
    for (const client of clients) {
      client.read('f', {}, tftp.at)
      const data = await client.next(300)
      if (data) ports.add(data.from.port)
      if (data) client.send(encodeAck(1), data.from)
    }
    t.same([...ports].sort(), udp.kind === 'plain' ? [42_000, 42_001] : [42_000])
    t.equal(tftp.server.counters.drops['too-many-transfers'], udp.kind === 'plain' ? 1 : 0)
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
  })

  t.test('a client that vanishes frees file, socket and place', async (t) => {
    const { resource } = makeFile('vanish', 1_000_000)
    const before = await settledDescriptors()
    await using tftp = await serveTftp({ f: resource }, { limits: { giveUpAfterMs: 200, minTries: 2 } })
    const leave = async (closing: boolean) => {
      const client = await RawTftpClient.open()
      client.read('f', { windowsize: 4 }, tftp.at)
      const oack = await client.next()
      client.send(encodeAck(0), oack?.from ?? tftp.at)
      await client.next()
      client.send(encodeAck(4), oack?.from ?? tftp.at)
      await client.next()
      if (closing) await client[Symbol.asyncDispose]()
      return client
    }
    await leave(true)
    const silent = await leave(false)
    t.equal(tftp.server.openFiles <= 1, true)
    await until(() => tftp.server.counters.transfersFailed === 2)
    await until(() => openDescriptors().files === before.files)
    await silent[Symbol.asyncDispose]()
    t.equal(tftp.server.counters.transfersInFlight, 0)
    t.equal(openDescriptors().sockets, before.sockets + idleSockets, 'none of a transfer is left')
    const reasons = tftp.reports.filter((report) => report.outcome === 'failed').map((report) => report.reason)
    // Its own socket hears from the kernel that nobody listens any more; a shared one does not.
    const seen = udp.kind === 'plain' ? 'the client went away' : 'the client stopped answering'
    t.same(reasons.sort(), ['the client stopped answering', seen])
  })

  t.test('a name that resolves to nothing readable is our failure, never an absence', async (t) => {
    await using tftp = await serveTftp(
      { gone: file(join(dir, 'gone'), 10) },
      {
        resolve: async ({ name }) => {
          if (name === 'broken') throw new Error('database is locked')
          return name === 'gone' ? file(join(dir, 'gone'), 10) : undefined
        }
      }
    )
    for (const name of ['broken', 'gone']) {
      await t.rejects(tftpFetch(tftp.at, name), new TftpClientError(0, 'server error'))
    }
    t.equal(tftp.server.counters.transfersInFlight, 0)
  })

  t.test('T19: beyond the limit new requests wait in silence; those never heard of again make room', async (t) => {
    const clock = new FakeClock()
    await using tftp = await serveTftp({ f: small }, { clock, limits: { maxTransfers: 3 } })
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawTftpClient.open()))
    for (const client of clients) {
      clock.advance(100)
      client.read('f', { tsize: 0 }, tftp.at)
      t.equal(kindOf(await client.next()), 'oack')
    }
    t.equal(tftp.server.counters.transfersInFlight, 3)
    await using early = await RawTftpClient.open()
    early.read('f', { tsize: 0 }, tftp.at)
    await until(() => tftp.server.counters.drops['too-many-transfers'] === 1)
    t.equal(tftp.server.counters.transfersInFlight, 3, 'but each has a quarter of a second to answer')
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
  })

  t.test('T19: a burst of 5,000 requests leaves the server whole', async (t) => {
    await using tftp = await serveTftp({ f: small }, { limits: { maxTransfers: 50, giveUpAfterMs: 100, minTries: 1 } })
    await using noisy = await RawTftpClient.open()
    for (let i = 0; i < 5000; i++) noisy.read(`no-such-${i}`, {}, tftp.at)
    await until(() => tftp.server.counters.requests > 100)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    t.equal((await tftpFetch(tftp.at, 'f')).bytes.length, 13)
    t.ok(tftp.server.counters.drops['too-fast'] > 0)
  })

  t.test('closing tells those who are being served and frees everything', async (t) => {
    const { resource } = makeFile('closing', 100_000)
    const before = await settledDescriptors()
    const tftp = await serveTftp({ f: resource })
    const client = await RawTftpClient.open()
    client.read('f', {}, tftp.at)
    t.equal(kindOf(await client.next()), 'data')
    await tftp.server.close()
    t.match(await client.next(), { packet: { kind: 'error', errorCode: 0 } })
    await client[Symbol.asyncDispose]()
    await until(() => openDescriptors().files === before.files && openDescriptors().sockets === before.sockets)
  })

  t.test('an address that is taken fails the start and leaves nothing open', async (t) => {
    await using tftp = await serveTftp({})
    const before = await settledDescriptors()
    await t.rejects(serveTftp({}, { addresses: ['127.0.0.3', '127.0.0.1'], port: tftp.server.port }), {
      code: 'EADDRINUSE'
    })
    await until(() => openDescriptors().sockets === before.sockets)
  })

  t.test('a report that throws harms no transfer', async (t) => {
    await using tftp = await serveTftp(
      { f: small },
      {
        report: () => {
          throw new Error('journal is broken')
        }
      }
    )
    t.equal((await tftpFetch(tftp.at, 'f')).bytes.length, 13)
    await until(() => tftp.server.counters.transfersOk === 1)
  })

  t.test('many clients at once share one open file and all get it whole', async (t) => {
    const { resource, sha256 } = makeFile('shared', 500_000)
    await using tftp = await serveTftp({ f: resource })
    const fetches = Array.from({ length: 40 }, (_, i) =>
      tftpFetch(tftp.at, 'f', { options: { blksize: 1428, windowsize: 1 + (i % 4) * 8 } })
    )
    const digests = await Promise.all(fetches.map(async (fetch) => (await fetch).sha256))
    t.same(new Set(digests), new Set([sha256]))
    await until(() => tftp.server.openFiles === 0)
  })
}

function rrq(name: string): Buffer {
  return request('read', name, 'octet')
}

function request(operation: 'read' | 'write', name: string, mode: string): Buffer {
  return encodeRequest({ operation, name, mode, options: new Map() })
}
