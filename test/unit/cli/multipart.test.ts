import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { contentBytes, multipart, type Part } from '../../../server/cli/multipart.ts'
import { temporaryDirectory } from '../../support/cli.ts'

t.test('a body that another implementation reads, of the length that was announced', async (t) => {
  const directory = await temporaryDirectory(t)
  const big = Buffer.alloc(700_000, 'x')
  await writeFile(path.join(directory, 'big'), big)
  await writeFile(path.join(directory, 'empty'), '')
  await writeFile(path.join(directory, 'odd"name'), 'odd')
  const parts: readonly Part[] = [
    { name: 'version', value: 'größe 1' },
    { name: 'arguments', value: 'a' },
    { name: 'arguments', value: 'b' },
    { name: 'layer', file: path.join(directory, 'big') },
    { name: 'layer', file: path.join(directory, 'empty') },
    { name: 'kernel', file: path.join(directory, 'odd"name') }
  ]
  const told: number[] = []
  const body = await multipart(parts, 'the-boundary', (sent) => told.push(sent))
  const bytes = await buffer(body.stream)
  t.equal(bytes.length, body.contentLengthBytes)
  t.equal(told.at(-1), await contentBytes(parts))
  t.strictSame(
    told,
    [...told].sort((a, b) => a - b)
  )

  const form = await new Response(bytes, { headers: { 'content-type': body.contentType } }).formData()
  t.equal(form.get('version'), 'größe 1')
  t.strictSame(form.getAll('arguments'), ['a', 'b'])
  const [layer, empty] = form.getAll('layer')
  t.ok(layer instanceof File && Buffer.from(await layer.arrayBuffer()).equals(big))
  t.ok(empty instanceof File && empty.size === 0)
  t.match(form.get('kernel'), { name: 'odd_name' })
})

t.test('what is no file is named', async (t) => {
  const missing: readonly Part[] = [{ name: 'kernel', file: '/no/such' }]
  await t.rejects(
    multipart(missing, 'b', () => {}),
    { code: 'FILE_UNREADABLE', exitCode: 2, message: '/no/such: no such file' }
  )
  await t.rejects(contentBytes([{ name: 'kernel', file: '/' }]), { message: '/: not a file' })
})
