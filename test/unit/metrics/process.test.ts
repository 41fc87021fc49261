import { closeSync, openSync } from 'node:fs'
import t from 'tap'
import type { Clock } from '../../../server/clock.ts'
import { collectProcess, LoopLag } from '../../../server/metrics/process.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { reading } from '../../support/metrics.ts'

t.test('this process', async (t) => {
  const clock = new FakeClock(2_000_000)
  const before = reading(await collectProcess(clock, '1.2.3'))
  const opened = openSync('/dev/null', 'r')
  const value = reading(await collectProcess(clock, '1.2.3'))
  closeSync(opened)
  t.equal(value(`rootcast_build_info{version="1.2.3",node="${process.versions.node}"}`), 1)
  t.ok(Number(value('process_cpu_seconds_total')) > 0)
  t.ok(Number(value('process_resident_memory_bytes')) > 10e6)
  t.equal(value('process_open_fds'), Number(before('process_open_fds')) + 1)
  t.ok(Number(value('process_max_fds')) > 0)
  t.ok(Number(value('process_start_time_seconds')) < 2000)
  t.ok(Number(value('nodejs_heap_size_used_bytes')) > 1e6)
})

t.test('timers that are late', async (t) => {
  const clock = new FakeClock()
  let lateMs = 0
  const late: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic() + lateMs,
    after: (ms, run) => clock.after(ms, run)
  }
  const lag = new LoopLag(late)
  clock.advance(500)
  lateMs = 40
  clock.advance(500)
  const value = () => reading([lag.collect()])
  t.equal(value()('rootcast_event_loop_lag_seconds_count'), 2)
  t.equal(value()('rootcast_event_loop_lag_seconds_sum'), 0.04)
  lag.close()
  clock.advance(5000)
  t.equal(value()('rootcast_event_loop_lag_seconds_count'), 2)
})
