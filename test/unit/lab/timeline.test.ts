import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { ApiClient } from '../../../server/cli/client.ts'
import { type BootEvent, Timeline } from '../../../server/lab/timeline.ts'
import { FakeClock } from '../../fakes/clock.ts'

const MAC = '52:54:00:77:00:01'
const OTHER = '52:54:00:77:00:02'

function event(mac: string, step: BootEvent['step'], outcome: BootEvent['outcome'], detail = ''): BootEvent {
  return { bootId: 'b', mac, at: 1000, step, outcome, detail }
}

/** A timeline that follows a server, which says what the test has it say. */
async function setUp(t: Test) {
  const clock = new FakeClock()
  let say: (event: BootEvent) => void = () => {}
  const listening = Promise.withResolvers<void>()
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': listening\n\n')
    say = (event) => response.write(`event: boot\ndata: ${JSON.stringify(event)}\n\n`)
    listening.resolve()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  const ending = new AbortController()
  const timeline = new Timeline(clock)
  const api = new ApiClient({ url: `http://127.0.0.1:${port}`, token: 'x', signal: ending.signal })
  const following = timeline.follow(api, ending.signal)
  t.teardown(async () => {
    ending.abort()
    await following
    server.close()
  })
  await listening.promise
  return { clock, timeline, say: (event: BootEvent) => say(event) }
}

t.test('waits for a step of one machine', async (t) => {
  const { timeline, say } = await setUp(t)
  const up = timeline.until(MAC, 'up', 1000, 0)
  say(event(OTHER, 'up', 'ok', 'the other'))
  say(event(MAC, 'kernel', 'ok'))
  say(event(MAC, 'up', 'started'))
  say(event(MAC, 'up', 'ok', 'this one'))
  t.match(await up, { detail: 'this one' })
  t.equal(timeline.events.length, 4)
  t.match(await timeline.until(MAC, 'kernel', 1000, 0), { step: 'kernel' }, 'and finds what was before')
})

t.test('looks only at what comes after a mark', async (t) => {
  const { clock, timeline, say } = await setUp(t)
  say(event(MAC, 'up', 'ok', 'first boot'))
  await timeline.until(MAC, 'up', 1000, 0)
  const second = timeline.until(MAC, 'up', 1000, timeline.mark())
  clock.advance(1000)
  await t.rejects(second, { code: 'LAB_BOOT_NOT_REACHED', message: /no up within 1000 ms; the last .* first boot/ })
})

t.test('a failed step ends the wait, and can itself be waited for', async (t) => {
  const { timeline, say } = await setUp(t)
  const up = timeline.until(MAC, 'up', 1000, 0)
  const failed = timeline.untilFailed(MAC, 'verify', 1000, 0)
  say(event(MAC, 'verify', 'failed', 'layer 1 of 1 is corrupt'))
  await t.rejects(up, { message: /verify failed: layer 1 of 1 is corrupt/ })
  t.match(await failed, { detail: 'layer 1 of 1 is corrupt' })
})
