import { Readable } from 'node:stream'
import t from 'tap'
import { run } from '../../../server/squashfs-tools-ts/run.ts'

t.test('output comes in pieces, input goes in', async (t) => {
  const chunks: Buffer[] = []
  await run({ tool: 'cat', args: [], input: Readable.from([Buffer.from('through')]), onStdout: (c) => chunks.push(c) })
  t.equal(Buffer.concat(chunks).toString(), 'through')
})

t.test('a tool that is not there', async (t) => {
  await t.rejects(run({ tool: 'no-such-squashfs', args: [] }), { code: 'TOOL_MISSING', tool: 'no-such-squashfs' })
  const input = Readable.from([Buffer.alloc(10)])
  await t.rejects(run({ tool: 'no-such-squashfs', args: [], input }), { code: 'TOOL_MISSING' })
})

t.test('a tool that fails says why, in the end of what it said', async (t) => {
  const script = 'seq 1 9999 >&2; echo the reason >&2; exit 3'
  await t.rejects(run({ tool: 'sh', args: ['-c', script] }), {
    code: 'TOOL_FAILED',
    exitCode: 3,
    stderr: /the reason\n$/
  })
})

t.test('a tool that reads no further and is content', async () => {
  await run({ tool: 'true', args: [], input: Readable.from(endless()) })
})

t.test('a tool that reads no further and fails: its reason, not the broken pipe', async (t) => {
  const failing = run({ tool: 'sh', args: ['-c', 'echo full >&2; exit 1'], input: Readable.from(endless()) })
  await t.rejects(failing, { code: 'TOOL_FAILED', message: /full/ })
})

t.test('a tool whose output nobody wants does not stop at a full pipe', async () => {
  await run({ tool: 'head', args: ['-c', '1000000', '/dev/zero'] })
})

t.test('an aborted one is killed', async (t) => {
  const late = new AbortController()
  const running = run({ tool: 'sleep', args: ['60'], signal: late.signal })
  late.abort(new Error('enough'))
  await t.rejects(running, { message: 'enough' })
})

function* endless() {
  for (let i = 0; i < 10_000; i++) yield Buffer.alloc(64 * 1024)
}
