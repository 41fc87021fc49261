import { createInterface } from 'node:readline'
import { duplexPair } from 'node:stream'
import t from 'tap'
import { Qmp } from '../../../server/lab/qmp.ts'
import { FakeClock } from '../../fakes/clock.ts'

/** A QEMU that answers as `answer` says. */
function setUp(answer: (command: string) => object | undefined) {
  const clock = new FakeClock()
  const [ours, theirs] = duplexPair()
  const heard: string[] = []
  theirs.write('{"QMP": {"version": {}, "capabilities": ["oob"]}}\r\n')
  createInterface({ input: theirs }).on('line', (line) => {
    const { execute, id } = JSON.parse(line)
    heard.push(execute)
    const reply = answer(execute)
    if (reply) theirs.write(`{"timestamp": {}, "event": "RESUME"}\r\n${JSON.stringify({ ...reply, id })}\r\n`)
  })
  return { clock, heard, theirs, qmp: new Qmp(ours, clock) }
}

t.test('shakes hands, then has commands carried out', async (t) => {
  const { heard, qmp } = setUp((command) => ({ return: { did: command } }))
  await qmp.greet()
  t.strictSame(await qmp.execute('query-status'), { did: 'query-status' })
  t.strictSame(heard, ['qmp_capabilities', 'query-status'])
})

t.test('a refusal says why', async (t) => {
  const { qmp } = setUp(() => ({ error: { class: 'GenericError', desc: 'not now' } }))
  await t.rejects(qmp.execute('system_reset'), { code: 'LAB_QMP', message: 'system_reset: not now' })
})

t.test('no answer within ten seconds is a failure', async (t) => {
  const { clock, qmp } = setUp(() => undefined)
  const asked = qmp.execute('quit')
  clock.advance(10_000)
  await t.rejects(asked, { code: 'LAB_QMP', message: 'QEMU did not answer quit' })
})

t.test('QEMU going away is a failure of what it was asked', async (t) => {
  const { theirs, qmp } = setUp(() => undefined)
  const asked = qmp.execute('quit')
  theirs.end()
  await t.rejects(asked, { code: 'LAB_QMP', message: 'quit: QEMU has gone' })
})

t.test('tells when the processors stop, and of no other event', async (t) => {
  const { theirs, qmp } = setUp(() => ({ return: {} }))
  let stops = 0
  qmp.onStop(() => stops++)
  await qmp.greet()
  t.equal(stops, 0)
  theirs.write('{"timestamp": {}, "event": "STOP"}\r\n')
  await qmp.execute('query-status')
  t.equal(stops, 1)
})
