import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import t from 'tap'
import { lockDirectory } from '../../server/instance-lock.ts'
import { temporaryDirectory } from '../support/cli.ts'

t.test('one at a time', async (t) => {
  const directory = await temporaryDirectory(t)
  const lock = lockDirectory(directory)
  t.throws(() => lockDirectory(directory), { code: 'ALREADY_RUNNING' })
  lock.release()
  lockDirectory(directory).release()
})

t.test('a process that is killed lets go', async (t) => {
  const directory = await temporaryDirectory(t)
  const module = path.join(import.meta.dirname, '../../server/instance-lock.ts')
  const script = `(await import(${JSON.stringify(module)})).lockDirectory(${JSON.stringify(directory)}); console.log('held'); setTimeout(() => {}, 60000)`
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  await once(holder.stdout, 'data')
  t.throws(() => lockDirectory(directory), { code: 'ALREADY_RUNNING' })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  lockDirectory(directory).release()
})
