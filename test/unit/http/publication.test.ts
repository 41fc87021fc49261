import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../server/clock.ts'
import { Problem } from '../../../server/http/problem.ts'
import { refusalOf } from '../../../server/http/publication.ts'
import { PublishError } from '../../../server/image/errors.ts'
import { ImageStore } from '../../../server/image/store.ts'
import { adminApp } from '../../fakes/admin.ts'
import { scratchDirectory } from '../../fakes/database.ts'
import { form } from '../../support/form.ts'

const URL_OF_LAB = '/api/v1/images/lab/versions'

t.test('what the publisher can mend is told as the store says it', async (t) => {
  const refusal = refusalOf(new PublishError('NOT_SQUASHFS', 'layer: no squashfs'))
  t.ok(refusal instanceof Problem)
  t.match(refusal, { status: 422, code: 'NOT_SQUASHFS', detail: 'layer: no squashfs' })
})

t.test('what is no refusal stays what it is', async (t) => {
  for (const error of [new Error('EIO'), new PublishError('TOOL_FAILED', 'at /secret-path'), 'thrown']) {
    t.equal(refusalOf(error), error)
  }
})

async function realStore(t: Test) {
  const directory = scratchDirectory(t)
  const log = { info: () => {}, warn: () => {} }
  const store = await ImageStore.open(directory, { clock: systemClock, log })
  t.teardown(() => store.close())
  const leftovers = () =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.includes('lab@'))
  return { store, leftovers }
}

function squashfs(t: Test): Buffer {
  const directory = scratchDirectory(t)
  writeFileSync(path.join(directory, 'noise'), randomBytes(64 << 10))
  const file = path.join(scratchDirectory(t), 'root.squashfs')
  execFileSync('mksquashfs', [directory, file, '-noappend', '-quiet', '-no-progress'])
  return readFileSync(file)
}

t.test('published through the API, it is in the real store, promoted, and deleted when nothing uses it', async (t) => {
  const { store, leftovers } = await realStore(t)
  const { call } = await adminApp(t, { store })
  const upload = form(
    ['version', '1.0'],
    ['kernel', Buffer.from('kernel')],
    ['initrd', Buffer.from('initrd')],
    ['layer', squashfs(t)],
    ['arguments', 'quiet']
  )
  const published = await call({ method: 'POST', url: URL_OF_LAB, ...upload })
  t.equal(published.statusCode, 201, published.body)
  t.match(published.json(), { image: 'lab', version: '1.0', arguments: ['quiet'], digest: /^sha256:[0-9a-f]{64}$/ })
  t.same((await call({ url: `${URL_OF_LAB}/1.0` })).json(), published.json())
  t.equal((await call({ method: 'POST', url: URL_OF_LAB, ...upload })).json().code, 'VERSION_EXISTS')
  const stable = '/api/v1/images/lab/channels/stable'
  t.equal((await call({ method: 'PUT', url: stable, payload: { version: '1.0' } })).statusCode, 200)
  t.equal((await call({ method: 'DELETE', url: `${URL_OF_LAB}/1.0` })).json().code, 'VERSION_IN_USE')
  await call({ method: 'DELETE', url: stable })
  t.equal((await call({ method: 'DELETE', url: `${URL_OF_LAB}/1.0` })).statusCode, 204)
  t.same(store.list(), [])
  t.same(leftovers(), [])
})

t.test('what is no root is refused in words, and nothing of it is left', async (t) => {
  const { store, leftovers } = await realStore(t)
  const { call } = await adminApp(t, { store })
  const boot = [
    ['kernel', Buffer.from('kernel')],
    ['initrd', Buffer.from('initrd')]
  ] as const
  const whole = squashfs(t)
  const table: readonly [string, ReturnType<typeof form>, number, string][] = [
    ['not a squashfs', form(...boot, ['layer', Buffer.from('hello')]), 422, 'NOT_SQUASHFS'],
    ['a squashfs cut short', form(...boot, ['layer', whole.subarray(0, whole.length / 2)]), 422, 'SQUASHFS_TRUNCATED'],
    ['no layer', form(...boot), 400, 'PART_MISSING'],
    ['two kernels', form(...boot, ...boot), 400, 'PART_REPEATED'],
    ['an empty kernel', form(['kernel', Buffer.alloc(0)]), 400, 'PART_EMPTY'],
    ['a layer and a root', form(...boot, ['layer', whole], ['root', whole]), 400, 'PARTS_CONFLICT'],
    ['a root that is no tar', form(...boot, ['root', Buffer.from('hello'.repeat(1_000))]), 422, 'NOT_A_TAR']
  ]
  for (const [name, upload, status, code] of table) {
    const response = await call({ method: 'POST', url: URL_OF_LAB, ...upload })
    t.equal(response.statusCode, status, `${name}: ${response.body}`)
    t.equal(response.json().code, code, name)
    t.same(store.list(), [])
    t.same(leftovers(), [], name)
  }
})
