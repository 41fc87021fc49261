import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { acquireLock } from '../../../server/image/lock.ts'

const HOLD = join(import.meta.dirname, '../../../server/image/lock.ts')

/** Another process takes the lock, and dies with it. */
function takeElsewhere(path: string): string {
  const script = `
    import { acquireLock } from ${JSON.stringify(HOLD)}
    try { acquireLock(${JSON.stringify(path)}) } catch (error) { console.log(error.code); process.exit() }
    console.log('held')
    process.kill(process.pid, 'SIGKILL')`
  return spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }).stdout.trim()
}

t.test('one at a time, in this process and in others', async (t) => {
  const path = join(t.testdir(), 'lock')
  const lock = acquireLock(path)
  t.throws(() => acquireLock(path), { code: 'STORE_LOCKED' })
  t.equal(takeElsewhere(path), 'STORE_LOCKED')
  lock.release()
  lock.release()
  acquireLock(path).release()
})

t.test('it dies with its process, however that dies', async (t) => {
  const path = join(t.testdir(), 'lock')
  t.equal(takeElsewhere(path), 'held')
  acquireLock(path).release()
})
