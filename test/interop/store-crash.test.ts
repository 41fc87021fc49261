// `kill -9` in the middle of a publication or a removal: afterwards the store has the whole version or none of it.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { damagedBlobs, filesIn, openStore, send } from '../support/store.ts'

const PUBLISHER = join(import.meta.dirname, '../support/publisher.ts')

t.setTimeout(300_000) // some ninety processes
// Nearly all that such a process does is to compile the same files.
process.env.NODE_COMPILE_CACHE = t.testdir()

/** A store with one version in it, whose layer the next one shares. */
async function storeWithOne(t: Test): Promise<string> {
  const dir = t.testdir()
  const store = await openStore(dir)
  await (await send(store.begin('lab', 'first'))).commit()
  await store.close()
  return dir
}

/** Ends by a signal before its `killAt`th disk operation, or tells what it did. */
function publisher(dir: string, killAt: number, ...work: readonly string[]) {
  const { signal, stdout, stderr } = spawnSync(process.execPath, [PUBLISHER, dir, `${killAt}`, ...work], {
    encoding: 'utf8',
    timeout: 30_000
  })
  if (stderr !== '') throw new Error(stderr)
  return { killed: signal === 'SIGKILL', told: stdout.trim().split('\n') }
}

/** Opens the store as a restart does; every blob is what its name says and every version is whole. */
async function restart(t: Test, dir: string, what: string): Promise<readonly string[]> {
  const store = await openStore(dir)
  const versions = store.list()
  await store.close()
  const blobs = new Set(
    versions.flatMap(({ kernel, initrd, layers }) => [kernel, initrd, ...layers]).map((b) => b.digest)
  )
  const files = filesIn(dir)
  t.same(damagedBlobs(dir), [], `${what}: every blob has its digest`)
  // Each version here has notes of its own, and so a manifest of its own; all share one config.
  t.equal(files.length, 2 + blobs.size + versions.length + 1, `${what}: nothing is left over: ${files.join(' ')}`)
  for (const digest of blobs) t.ok(files.includes(join('blobs', 'sha256', digest.slice(7))), `${what}: ${digest}`)
  return versions.map(({ version }) => version).sort()
}

t.test('before each single disk operation of a publication', async (t) => {
  const dir = await storeWithOne(t)
  let kills = 0
  let unfinished = 0
  for (let killAt = 1; ; killAt++) {
    const { killed, told } = publisher(dir, killAt, `publish:v${killAt}:200000`)
    const versions = await restart(t, dir, `operation ${killAt}`)
    const isThere = versions.includes(`v${killAt}`)
    t.ok(versions.includes('first'), `operation ${killAt}: what was there stays`)
    if (!killed) {
      t.ok(isThere, 'and undisturbed it is published')
      break
    }
    kills += 1
    if (!isThere) unfinished += 1
    t.notOk(told.includes(`{"did":"publish:v${killAt}:200000"}`) && !isThere, 'nothing is reported that is not kept')
  }
  t.ok(kills >= 30, `${kills} kills`)
  t.ok(unfinished > 20 && unfinished < kills, `${unfinished} before the version appeared, ${kills - unfinished} after`)
})

t.test('before each single disk operation of a removal', async (t) => {
  const dir = await storeWithOne(t)
  for (let killAt = 1; ; killAt++) {
    publisher(dir, 0, `publish:v${killAt}:1000`)
    const { killed } = publisher(dir, killAt, `remove:v${killAt}`)
    const versions = await restart(t, dir, `operation ${killAt}`)
    t.ok(versions.includes('first'))
    if (killed) continue
    t.notOk(versions.includes(`v${killAt}`), 'and undisturbed it is gone')
    break
  }
})

t.test('from outside, at any moment, while a root is received, packed and brought in', async (t) => {
  const dir = await storeWithOne(t)
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, [PUBLISHER, dir, '0', `root:r${round}:8000000`], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    const closed = once(child, 'close') // from now on: a quick one is done before it is killed
    await once(child.stdout, 'data') // the store is open
    await new Promise((resolve) => setTimeout(resolve, round * 20))
    child.kill('SIGKILL')
    await closed
    await restart(t, dir, `after ${round * 20} ms`)
  }
})
