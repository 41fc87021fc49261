import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { Display } from '../../../server/lab/display.ts'
import type { BootEvent } from '../../../server/lab/timeline.ts'

const MAC = '52:54:00:77:00:01'
const event: BootEvent = { bootId: 'b', mac: MAC, at: 12_345, step: 'kernel', outcome: 'ok', detail: 'kernel by HTTP' }

/** What a display writes where there is no terminal. */
async function shown(...events: readonly BootEvent[]): Promise<string> {
  const output = new PassThrough()
  const display = new Display({ output, name: () => 'client1', poweredOnAt: () => 45 })
  for (const event of events) display.show(event)
  display.stop()
  output.end()
  return await text(output)
}

t.test('a line for each event, with the seconds since power-on', async (t) => {
  t.equal(await shown(event), '  12.3 s  client1  kernel     ok       kernel by HTTP\n')
  t.equal(
    await shown({ ...event, outcome: 'started', detail: '' }),
    '  12.3 s  client1  kernel     started\n',
    'no blanks at the end'
  )
})

t.test('an event that is older than the power-on is not in the future', async (t) => {
  t.match(await shown({ ...event, at: 0 }), /^ {3}0\.0 s/)
})

t.test('moving bytes are for terminals', async (t) => {
  t.equal(await shown({ ...event, outcome: 'progress', doneBytes: 5, totalBytes: 10 }), '')
})
