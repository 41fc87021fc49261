import t from 'tap'
import type { ByteSource } from '../../../server/tftp/blocks.ts'
import { NetasciiSource, netasciiLength, toNetascii } from '../../../server/tftp/netascii.ts'

const rows: readonly (readonly [string, string])[] = [
  ['', ''],
  ['plain', 'plain'],
  ['a\nb\n', 'a\r\nb\r\n'],
  ['a\rb', 'a\r\0b'],
  ['a\r\nb', 'a\r\0\r\nb']
]
for (const [text, wire] of rows) {
  t.test(`T21: ${JSON.stringify(text)} travels as ${JSON.stringify(wire)}`, async (t) => {
    t.equal(toNetascii(Buffer.from(text)).toString(), wire)
    t.equal(netasciiLength(Buffer.from(text)), wire.length)
  })
}

t.test('any part of a long text can be read, across the pieces it is converted in', async (t) => {
  const body = Buffer.from('line of text\nand\r'.repeat(8000))
  const source: ByteSource = {
    sizeBytes: body.length,
    read: async (into, position) => {
      body.copy(into, 0, position)
    }
  }
  const whole = toNetascii(body)
  const view = await NetasciiSource.over(source)
  t.equal(view.sizeBytes, whole.length)
  for (const [position, length] of [
    [0, 100],
    [40_000, 70_000],
    [whole.length - 7, 7],
    [1, whole.length - 1]
  ] as const) {
    const part = Buffer.alloc(length)
    await view.read(part, position)
    t.ok(part.equals(whole.subarray(position, position + length)), `${length} bytes from ${position}`)
  }
  await t.rejects(view.read(Buffer.alloc(2), whole.length - 1), RangeError)
})
