import t from 'tap'
import { blksizeForMtu, negotiate, type Terms } from '../../../server/tftp/terms.ts'

const caps = { blksize: 1468, windowsize: 64, windowBytes: 128 * 1024 }
const plain: Terms = { blksize: 512, windowsize: 1, timeoutSeconds: undefined, oack: undefined }
const ask = (options: Record<string, string>, size = 1000, mode: 'octet' | 'netascii' = 'octet') =>
  negotiate(new Map(Object.entries(options)), size, mode, caps)
const granted = (options: Record<string, string>) => new Map(Object.entries(options))

const rows: readonly (readonly [string, Record<string, string>, Partial<Terms>])[] = [
  ['nothing asked, nothing granted: DATA 1 comes first', {}, {}],
  ['T8: blksize at most the cap', { blksize: '8192' }, { blksize: 1468, oack: granted({ blksize: '1468' }) }],
  ['T8: blksize at most what was asked', { blksize: '1024' }, { blksize: 1024, oack: granted({ blksize: '1024' }) }],
  ['T7: blksize over 65464 is clamped', { blksize: '99999' }, { blksize: 1468, oack: granted({ blksize: '1468' }) }],
  ['T7: blksize under 8 is left out', { blksize: '7' }, {}],
  ['T5: a value that is not decimal is left out', { blksize: '0x400', tsize: ' 0', timeout: '-1' }, {}],
  ['T5: an option unknown to us is left out', { multicast: '', blksize2: '1024', utimeout: '5', rollover: '0' }, {}],
  ['T9: the exact size', { tsize: '0' }, { oack: granted({ tsize: '1000' }) }],
  ["T9: U-Boot asks with another file's size", { tsize: '77' }, { oack: granted({ tsize: '1000' }) }],
  ['T10: the same timeout', { timeout: '5' }, { timeoutSeconds: 5, oack: granted({ timeout: '5' }) }],
  ['T10: timeout 0 and 256 are left out', { timeout: '0' }, {}],
  ['T10: timeout 256 is left out', { timeout: '256' }, {}],
  ['T11: windowsize at most the cap', { windowsize: '1000' }, { windowsize: 64, oack: granted({ windowsize: '64' }) }],
  [
    'T11: windowsize at most what was asked',
    { windowsize: '4' },
    { windowsize: 4, oack: granted({ windowsize: '4' }) }
  ],
  ['T7: windowsize 0 is left out', { windowsize: '0' }, {}],
  [
    'T6: one sound option among bad ones makes an OACK',
    { blksize: '1', tsize: '0' },
    { oack: granted({ tsize: '1000' }) }
  ],
  [
    'T22: atftp may ask for multicast and gets the rest',
    { tsize: '0', multicast: '' },
    { oack: granted({ tsize: '1000' }) }
  ]
]
for (const [what, asked, expected] of rows) {
  t.test(what, async (t) => t.same(ask(asked), { ...plain, ...expected }))
}

t.test('T9: an empty file has no tsize, because curl refuses 0', async (t) => {
  t.same(ask({ tsize: '0' }, 0), plain)
})

t.test('T9: sizes over 4 GiB are told in full', async (t) => {
  t.equal(ask({ tsize: '0' }, 5_000_000_000).oack?.get('tsize'), '5000000000')
})

t.test('T11: netascii goes without windows', async (t) => {
  t.same(ask({ windowsize: '16' }, 1000, 'netascii'), plain)
})

t.test('the OACK keeps the order in which the client asked', async (t) => {
  t.same(
    [...(ask({ windowsize: '4', tsize: '0', blksize: '1024' }).oack?.keys() ?? [])],
    ['windowsize', 'tsize', 'blksize']
  )
})

t.test('T8: the default cap is the MTU less 32', async (t) => {
  t.equal(blksizeForMtu(1500), 1468)
  t.equal(blksizeForMtu(9000), 8968)
  t.equal(blksizeForMtu(65536), 65464)
  t.equal(blksizeForMtu(20), 8)
})

t.test('T8: the larger header of IPv6 leaves less room for a block', async (t) => {
  t.equal(blksizeForMtu(1500, 4), 1468)
  t.equal(blksizeForMtu(1500, 6), 1448)
})

t.test('a window of large blocks has fewer of them, in whichever order it is asked for', async (t) => {
  const large = { ...caps, blksize: 8192 }
  for (const asked of [
    { windowsize: '64', blksize: '8192' },
    { blksize: '8192', windowsize: '64' }
  ]) {
    const terms = negotiate(new Map(Object.entries(asked)), 1000, 'octet', large)
    t.equal(terms.windowsize, 16)
    t.same([...(terms.oack ?? [])], Object.entries({ ...asked, windowsize: '16' }))
  }
  t.equal(negotiate(new Map([['windowsize', '64']]), 1000, 'octet', { ...large, windowBytes: 100 }).windowsize, 1)
})
