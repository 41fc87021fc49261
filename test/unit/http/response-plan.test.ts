import t from 'tap'
import {
  planResponse,
  type Representation,
  type RequestHeaders,
  type ResponsePlan
} from '../../../server/http/response-plan.ts'

const MODIFIED = 'Thu, 01 Jan 2026 00:00:00 GMT'
const EARLIER = 'Wed, 31 Dec 2025 23:59:59 GMT'
const LATER = 'Thu, 01 Jan 2026 00:00:01 GMT'

const BLOB: Representation = {
  sizeBytes: 1000,
  etag: '"sha256:aa"',
  modifiedAt: Date.UTC(2026, 0, 1) + 250,
  mediaType: 'application/octet-stream',
  immutable: true
}

const WHOLE = { status: 200, start: 0, end: 1000 } as const
const HALF = { status: 206, start: 500, end: 1000 } as const
const UNMODIFIED = { status: 304, start: 0, end: 0 } as const
const FAILED = { status: 412, start: 0, end: 0 } as const
const UNSATISFIABLE = { status: 416, start: 0, end: 0 } as const

type Planned = Pick<ResponsePlan, 'status' | 'start' | 'end'>

const GETS: Record<string, [headers: RequestHeaders, planned: Planned]> = {
  'a plain request gets everything': [{}, WHOLE],
  'the second half': [{ range: 'bytes=500-' }, HALF],
  'the last bytes': [{ range: 'bytes=-10' }, { status: 206, start: 990, end: 1000 }],
  'one byte': [{ range: 'bytes=0-0' }, { status: 206, start: 0, end: 1 }],
  'a range that runs past the end is cut': [{ range: 'bytes=500-5000' }, HALF],
  'a range behind the end can not be had': [{ range: 'bytes=1000-' }, UNSATISFIABLE],
  'several ranges get everything': [{ range: 'bytes=0-1,5-6' }, WHOLE],
  'a malformed range gets everything': [{ range: 'bytes=x-y' }, WHOLE],
  'another unit gets everything': [{ range: 'lines=1-2' }, WHOLE],
  'a range of what it was': [{ range: 'bytes=500-', 'if-range': '"sha256:aa"' }, HALF],
  'a range of what it is no more gets everything': [{ range: 'bytes=500-', 'if-range': '"sha256:bb"' }, WHOLE],
  'a weak tag is no proof': [{ range: 'bytes=500-', 'if-range': 'W/"sha256:aa"' }, WHOLE],
  'a range since the exact date': [{ range: 'bytes=500-', 'if-range': MODIFIED }, HALF],
  'a range since another date gets everything': [{ range: 'bytes=500-', 'if-range': LATER }, WHOLE],
  'what the client has': [{ 'if-none-match': '"sha256:aa"' }, UNMODIFIED],
  'what the client has among others, weakly': [{ 'if-none-match': '"x", W/"sha256:aa"' }, UNMODIFIED],
  'anything at all': [{ 'if-none-match': '*' }, UNMODIFIED],
  'what the client has not': [{ 'if-none-match': '"x"' }, WHOLE],
  'not modified since': [{ 'if-modified-since': MODIFIED }, UNMODIFIED],
  'modified since': [{ 'if-modified-since': EARLIER }, WHOLE],
  'a tag goes before a date': [{ 'if-none-match': '"x"', 'if-modified-since': MODIFIED }, WHOLE],
  'a date that is none counts for nothing': [{ 'if-modified-since': 'yesterday' }, WHOLE],
  'what it is to be': [{ 'if-match': '"sha256:aa"' }, WHOLE],
  'what it is not': [{ 'if-match': '"x"' }, FAILED],
  'unmodified since': [{ 'if-unmodified-since': MODIFIED }, WHOLE],
  'unmodified since before it was': [{ 'if-unmodified-since': EARLIER }, FAILED],
  'a matching tag goes before that date': [{ 'if-match': '*', 'if-unmodified-since': EARLIER }, WHOLE],
  'EDK2 going on with a download': [
    { range: 'bytes=500-', 'if-match': '"sha256:aa"', 'if-unmodified-since': MODIFIED },
    HALF
  ]
}

for (const [sentence, [headers, planned]] of Object.entries(GETS)) {
  t.test(sentence, async (t) => {
    const { status, start, end } = planResponse('GET', headers, BLOB)
    t.same({ status, start, end }, planned)
  })
}

t.test('headers of a whole body', async (t) => {
  t.same(planResponse('GET', {}, BLOB).headers, {
    etag: '"sha256:aa"',
    'last-modified': MODIFIED,
    'accept-ranges': 'bytes',
    'cache-control': 'public, max-age=31536000, immutable',
    'content-type': 'application/octet-stream',
    'content-length': 1000
  })
})

t.test('headers of a part', async (t) => {
  const { headers } = planResponse('GET', { range: 'bytes=500-' }, BLOB)
  t.match(headers, { 'content-length': 500, 'content-range': 'bytes 500-999/1000', etag: '"sha256:aa"' })
  t.match(planResponse('GET', { range: 'bytes=2000-' }, BLOB).headers, { 'content-range': 'bytes */1000' })
})

t.test('HEAD says what GET would send, ranges aside, and sends nothing', async (t) => {
  const plan = planResponse('HEAD', { range: 'bytes=500-' }, BLOB)
  t.match(plan, { status: 200, start: 0, end: 0, headers: { 'content-length': 1000 } })
})

t.test('what is made when asked for has no date and is asked for anew', async (t) => {
  const script = { ...BLOB, modifiedAt: undefined, immutable: false }
  const { headers } = planResponse('GET', { 'if-modified-since': LATER }, script)
  t.equal(headers['last-modified'], undefined)
  t.equal(headers['cache-control'], 'no-cache')
})

t.test('an empty body has no ranges', async (t) => {
  t.match(planResponse('GET', { range: 'bytes=0-' }, { ...BLOB, sizeBytes: 0 }), { status: 416 })
  t.match(planResponse('GET', {}, { ...BLOB, sizeBytes: 0 }), { status: 200, start: 0, end: 0 })
})
