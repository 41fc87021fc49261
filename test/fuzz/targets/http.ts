// The boot face from the first byte of a connection on: the request line, names, queries, ranges, check-ins.
import { createServer, type IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { pino } from 'pino'
import { createResolver } from '../../../server/boot/names.ts'
import { BootFace } from '../../../server/http/boot-face.ts'
import { newHttpCounters } from '../../../server/http/counters.ts'
import { parsePlainRequest } from '../../../server/http/plain-request.ts'
import { planResponse, type Representation } from '../../../server/http/response-plan.ts'
import { bootWorld } from '../../fakes/boot-world.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { hold, type Target } from '../engine/target.ts'
import { pieces } from '../spans.ts'

const LF = 10
const SEEDS = [
  'GET /boot.ipxe?mac=52:54:00:12:34:56&platform=efi&arch=x86_64 HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9,-5\r\n\r\n',
  'GET http://192.168.77.1/pxelinux.cfg/01-52-54-00-12-34-56 HTTP/1.0\r\nIf-None-Match: "x"\r\nRange: bytes=2-\r\n\r\n',
  'HEAD /boots/boot000000000001/layers HTTP/1.1\r\nIf-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n',
  `GET /blobs/sha256/${'a'.repeat(64)} HTTP/1.1\r\nIf-Range: "x"\r\nRange: bytes=-1\r\n\r\nGET /grub/grub.cfg HTTP/1.1\r\n\r\n`,
  'POST /boots/boot000000000001/checkins HTTP/1.1\r\nContent-Length: 10\r\n\r\nroot ok\nxx',
  'POST /boots/x/checkins HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nup ok\r\n0\r\n\r\n',
  'GET /%2e%2e/..%2f..%5cetc//./passwd?a=1&a=2&__proto__=3 HTTP/1.1\r\n\r\n'
]

/** What the face may say to anybody's bytes. */
const STATUSES = [200, 204, 206, 304, 400, 404, 405, 408, 411, 412, 413, 414, 415, 416, 417, 431, 501, 505]
const MANY = 1_000_000_000

/** One connection: what the client sends, and all that comes back. */
class Connection extends Socket {
  override readonly remoteAddress = '192.168.77.50'
  override readonly localAddress = '192.168.77.1'
  readonly answered: Buffer[] = []

  override _read(): void {}

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.answered.push(...chunks.map(({ chunk }) => Buffer.from(chunk)))
    done()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.answered.push(Buffer.from(chunk))
    done()
  }
}

/** Built once, for that takes its time; the boots behind it are new for each input. */
async function oneFace() {
  const errors: string[] = []
  const world = { boots: bootWorld().boots }
  const counters = newHttpCounters()
  const face = await BootFace.create({
    resolve: (request) =>
      createResolver({ boots: world.boots, loaders: new Map(), blob: async () => undefined })(request),
    boots: { checkIn: (...checkIn) => world.boots.checkIn(...checkIn) },
    report: () => {},
    clock: new FakeClock(),
    counters,
    log: pino({ level: 'error' }, { write: (line) => errors.push(line) }),
    limits: { checkInsPerMinute: MANY, scriptsPerMinute: MANY },
    native: undefined
  })
  return { face, errors, world, counters }
}

let built: ReturnType<typeof oneFace> | undefined

/** The first byte says after how many the input is cut in two. */
const bootFace: Target = {
  name: 'http-boot-face',
  maxBytes: 4096,
  seeds: () => SEEDS.map((text) => Buffer.from(`\xff${text}`, 'latin1')),
  spans: (input) => pieces(input, LF, 32, '/'.charCodeAt(0), '&'.charCodeAt(0)),
  async run(input) {
    built ??= oneFace()
    const { face, errors, world, counters } = await built
    world.boots = bootWorld().boots
    const connection = new Connection()
    const closed = new Promise((resolve) => connection.on('close', resolve))
    face.accept(connection)
    const [first = 0] = input
    for (const part of [input.subarray(1, 1 + first), input.subarray(1 + first)]) {
      if (part.length > 0 && !connection.destroyed) connection.push(part)
      await new Promise(setImmediate)
    }
    if (!connection.destroyed) connection.push(null)
    await closed
    hold(errors.length === 0, `an error was logged: ${errors.splice(0).join(' ')}`)
    hold(counters.requestsInFlight === 0, 'a request is still being answered')
    for (const status of Object.keys(counters.answers)) hold(STATUSES.includes(Number(status)), `answered ${status}`)
    const told = Buffer.concat(connection.answered).toString('latin1')
    hold(told === '' || /^HTTP\/1\.1 \d{3} /.test(told), `what is no answer: ${told.slice(0, 80)}`)
  }
}

/** Requests as node:http reads them. */
const reference = createServer({ requireHostHeader: false })
const heard: IncomingMessage[] = []
reference.on('request', (request, response) => {
  heard.push(request)
  response.end()
})

/** What we read ourselves, node:http must read in the same way: the two share connections. */
const plainRequest: Target = {
  name: 'http-plain-request',
  maxBytes: 4200,
  seeds: () => SEEDS.map((text) => Buffer.from(text, 'latin1')),
  spans: (input) => pieces(input, LF, 32, ':'.charCodeAt(0)),
  async run(input) {
    const ours = parsePlainRequest(input)
    if (!ours) return
    const connection = new Connection()
    const closed = new Promise((resolve) => connection.on('close', resolve))
    reference.emit('connection', connection)
    connection.push(input)
    await new Promise(setImmediate)
    connection.push(null)
    await closed
    const [theirs, another] = heard.splice(0)
    hold(theirs !== undefined && another === undefined, 'node:http reads another number of requests')
    hold(ours.method === theirs.method && ours.target === theirs.url, 'node:http reads another target')
    for (const [name, value] of Object.entries(ours.headers)) {
      hold(theirs.headers[name] === value, `node:http reads another ${name}`)
    }
    hold(Object.keys(theirs.headers).length === Object.keys(ours.headers).length, 'node:http reads other headers')
  }
}

const RESOURCE: Representation = {
  ...{ sizeBytes: 1000, etag: '"x"', modifiedAt: Date.UTC(2026, 0, 1), mediaType: 'text/plain', immutable: true }
}
const HEADERS = ['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']

/** A line for each header, in the order above. */
const preconditions: Target = {
  name: 'http-ranges',
  maxBytes: 1024,
  seeds: () =>
    ['bytes=0-499', 'bytes=-5\n"x"', 'bytes=999-1000,1-2\nThu, 01 Jan 2026 00:00:00 GMT', '\n\n*, "y"\nW/"x"'].map(
      (text) => Buffer.from(text)
    ),
  spans: (input) => pieces(input, LF, 32, ','.charCodeAt(0), '='.charCodeAt(0)),
  run(input) {
    const values = input.toString('latin1').split('\n')
    const headers = Object.fromEntries(HEADERS.flatMap((name, at) => (values[at] ? [[name, values[at]]] : [])))
    const { status, start, end, headers: answer } = planResponse('GET', headers, RESOURCE)
    hold(start >= 0 && start <= end && end <= RESOURCE.sizeBytes, `bytes ${start} to ${end}`)
    hold((status === 200 || status === 206) === end > start, `status ${status} with ${end - start} bytes`)
    if (status === 206) hold(answer['content-length'] === end - start, 'a length that is not the length')
  }
}

export const targets: readonly Target[] = [bootFace, plainRequest, preconditions]
