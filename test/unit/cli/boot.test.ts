import t from 'tap'
import { startBench, tinyImage } from '../../support/cli.ts'

t.test('boots, as a machine asks for its script', async (t) => {
  const { rootcast, json, directory, daemon } = await startBench(t)
  t.match(await rootcast(['boot', 'list']), { stdout: 'No boots.\n' })
  await rootcast(['image', 'publish', 'lab', ...(await tinyImage(directory)), '--version', '1', '--promote', 'stable'])
  await rootcast(['group', 'add', 'default', '--image', 'lab', '--channel', 'stable'])

  const stop = new AbortController()
  const watching = rootcast(['boot', 'watch'], { signal: stop.signal })
  const script = `http://127.0.0.1:${daemon.bootPort}/boot.ipxe?mac=52:54:00:12:34:56&platform=pcbios&arch=i386`
  const text = await fetch(script).then((response) => response.text())
  t.match(text, /^#!ipxe/)

  const [boot] = (await json(['boot', 'list'])) as { id: string }[]
  t.match(boot, { mac: '52:54:00:12:34:56', state: 'booting', image: 'lab', version: '1' })
  t.match(await rootcast(['boot', 'list', '--state', 'booting']), { stdout: /booting +lab 1\n$/ })
  t.match(await rootcast(['boot', 'show', boot?.id ?? '']), { stdout: /state +booting\n.* s {2}script +ok/s })
  t.match(await rootcast(['boot', 'show', 'nosuchboot']), { exitCode: 1 })

  const [kernel = ''] = /http:\S+blobs\S+/.exec(text) ?? []
  t.equal(await fetch(kernel).then((response) => response.text()), 'kernel one')
  const shown = async () => (await rootcast(['boot', 'show', boot?.id ?? ''])).stdout
  while (!/kernel +ok/.test(await shown()));
  t.match(await shown(), /kernel +ok +10 B of 10 B, [\d.]+ k?B\/s {2}kernel by HTTP/)

  stop.abort()
  const watched = await watching
  t.equal(watched.exitCode, 130)
  t.match(watched.stdout, /52:54:00:12:34:56 .* kernel +started +0 B of 10 B \(0 %\) {2}kernel by HTTP/)
})

t.test('leases', async (t) => {
  const { rootcast } = await startBench(t)
  t.match(await rootcast(['lease', 'list']), { stdout: 'No leases.\n' })
  t.match(await rootcast(['lease', 'remove', '10.0.0.9']), { exitCode: 1 })
})
