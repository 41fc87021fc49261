import t from 'tap'
import { parsePlainRequest } from '../../../server/http/plain-request.ts'

const parse = (text: string) => parsePlainRequest(Buffer.from(text, 'latin1'))

t.test('a request as iPXE writes it', async (t) => {
  const text =
    'GET /boot.ipxe?mac=52:54:00:00:00:01 HTTP/1.1\r\nConnection: keep-alive\r\nUser-Agent: iPXE/1.21.1\r\nHost: 10.0.0.1\r\n\r\n'
  t.match(parse(text), {
    method: 'GET',
    target: '/boot.ipxe?mac=52:54:00:00:00:01',
    keepAlive: true,
    headers: { connection: 'keep-alive', 'user-agent': 'iPXE/1.21.1', host: '10.0.0.1' }
  })
})

t.test('H3: a request as UEFI HTTP boot writes it, and one without any field', async (t) => {
  const uefi = 'HEAD /shimx64.efi HTTP/1.1\r\nHost: 192.168.77.1\r\nAccept: */*\r\nUser-Agent: UefiHttpBoot/1.0\r\n\r\n'
  t.match(parse(uefi), { method: 'HEAD', target: '/shimx64.efi', headers: { host: '192.168.77.1' } })
  t.match(parse('GET / HTTP/1.1\r\n\r\n'), { method: 'GET', target: '/', headers: {} })
})

t.test('whether the connection stays', async (t) => {
  t.equal(parse('GET / HTTP/1.1\r\n\r\n')?.keepAlive, true)
  t.equal(parse('GET / HTTP/1.1\r\nConnection: Close\r\n\r\n')?.keepAlive, false)
  t.equal(parse('GET / HTTP/1.0\r\n\r\n')?.keepAlive, false)
  t.equal(parse('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n')?.keepAlive, true)
})

for (const [what, text] of Object.entries({
  'half a head': 'GET / HTTP/1.1\r\nHost: x\r\n',
  'two requests at once': 'GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n',
  'another method': 'POST / HTTP/1.1\r\n\r\n',
  'another version': 'GET / HTTP/2.0\r\n\r\n',
  'a whole URL': 'GET http://x/ HTTP/1.1\r\n\r\n',
  'an encoded path': 'GET /%2e%2e HTTP/1.1\r\n\r\n',
  'a fragment': 'GET /a#b HTTP/1.1\r\n\r\n',
  'two blanks': 'GET  / HTTP/1.1\r\n\r\n',
  'lines without CR': 'GET / HTTP/1.1\nHost: x\n\n',
  'a CR alone': 'GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n',
  'a folded field': 'GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n',
  'a blank before the colon': 'GET / HTTP/1.1\r\nHost : x\r\n\r\n',
  'a field without a name': 'GET / HTTP/1.1\r\n: x\r\n\r\n',
  'a field twice': 'GET / HTTP/1.1\r\nRange: bytes=0-1\r\nrange: bytes=5-6\r\n\r\n',
  'a byte beyond ASCII': 'GET / HTTP/1.1\r\nA: \xfc\r\n\r\n',
  'a NUL': 'GET / HTTP/1.1\r\nA: \0\r\n\r\n',
  'a body by length': 'GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n',
  'a body in chunks': 'GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n',
  'another protocol': 'GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
  'an answer before the answer': 'GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n',
  'a connection that lists fields': 'GET / HTTP/1.1\r\nConnection: close, te\r\n\r\n',
  'more than a plain request has': `GET / HTTP/1.1\r\nA: ${'b'.repeat(4096)}\r\n\r\n`,
  nothing: ''
})) {
  t.test(`not plain: ${what}`, async (t) => t.equal(parse(text), undefined))
}

t.test('a field may be called as a property of every object is', async (t) => {
  t.match(parse('GET / HTTP/1.1\r\nconstructor: x\r\n__proto__: y\r\n\r\n')?.headers, {
    constructor: 'x',
    ['__proto__']: 'y'
  })
})
