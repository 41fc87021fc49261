import { PassThrough } from 'node:stream'
import t from 'tap'
import { createLog } from '../../server/log.ts'

function capture(isTTY: boolean) {
  const destination = Object.assign(new PassThrough(), { isTTY })
  return { destination, text: () => String(destination.read() ?? '') }
}

t.test('a line of JSON each when nobody looks on', async (t) => {
  const { destination, text } = capture(false)
  createLog({ level: 'info', destination }).info({ port: 69 }, 'listening')
  t.match(JSON.parse(text()), { level: 30, port: 69, msg: 'listening' })
})

t.test('plain words on a terminal', async (t) => {
  const { destination, text } = capture(true)
  createLog({ level: 'info', destination }).info('listening')
  t.match(text(), /INFO.*listening/)
})

t.test('secrets never reach the log, however deep they stand', async (t) => {
  const { destination, text } = capture(false)
  const log = createLog({ level: 'info', destination })
  log.info({ token: 's3cret', req: { headers: { authorization: 'Bearer s3cret' } }, body: { token: 's3cret' } }, 'x')
  t.notMatch(text(), /s3cret/)
})

t.test('nothing below the level', async (t) => {
  const { destination, text } = capture(false)
  createLog({ level: 'warn', destination }).info('listening')
  t.equal(text(), '')
})
