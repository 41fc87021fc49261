import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { startBench, tinyImage } from '../../support/cli.ts'

t.test('images, their versions and channels', async (t) => {
  const { rootcast, directory, json } = await startBench(t)
  t.match(await rootcast(['image', 'list']), { exitCode: 0, stdout: /^No images yet/ })

  const one = await tinyImage(directory)
  const published = await rootcast([
    'image',
    'publish',
    'lab',
    ...one,
    '--version',
    '1',
    '--notes',
    'the first',
    '--argument',
    'quiet'
  ])
  t.equal(published.exitCode, 0, published.stderr)
  t.match(published.stdout, /^image +lab\nversion +1\n.*layer 1 +sha256:[0-9a-f]{64} +\d/s)

  await json(['image', 'promote', 'lab', '1', '--channel', 'testing'])
  t.match(await rootcast(['image', 'list']), { stdout: /^IMAGE +VERSIONS +NEWEST +CHANNELS\nlab +1 +1 +testing=1\n$/ })
  t.match(await rootcast(['image', 'list', 'lab']), { stdout: /^VERSION .*\n1 .* testing +the first\n$/ })
  t.match(await json(['image', 'show', 'lab', '1']), { arguments: ['quiet'], notes: 'the first' })
  t.match(await rootcast(['channel', 'list', 'lab']), { stdout: /\ntesting +1 / })
  t.match(await rootcast(['channel', 'history', 'lab', 'testing']), { stdout: /\n.* move +- +1 +admin/ })

  t.match(await rootcast(['image', 'remove', 'lab', '1']), { exitCode: 1, stderr: /channel testing/ })
  t.match(await rootcast(['channel', 'remove', 'lab', 'testing']), { exitCode: 0 })
  t.match(await rootcast(['image', 'remove', 'lab', '1']), { exitCode: 0, stdout: 'Removed lab 1.\n' })
})

t.test('what would not boot is published, and said', async (t) => {
  const { rootcast, directory, json } = await startBench(t)
  const one = await tinyImage(directory)
  const warning = /^Warning: kernel: neither a bzImage nor an EFI stub; no loader will start it$/m
  t.match(await rootcast(['image', 'publish', 'lab', ...one, '--version', '1']), { exitCode: 0, stderr: warning })
  t.match(await rootcast(['image', 'show', 'lab', '1']), { exitCode: 0, stderr: warning })
  t.match(await json(['image', 'show', 'lab', '1']), { warnings: [/^kernel: neither/, /^initrd: neither/] })
})

t.test('a bar on a terminal', async (t) => {
  const { rootcast, directory } = await startBench(t)
  const one = await tinyImage(directory)
  const { exitCode, stderr } = await rootcast(['image', 'publish', 'lab', ...one], { isTTY: true })
  t.equal(exitCode, 0)
  t.match(stderr, /Publishing lab .* of /)
})

t.test('what cannot be published', async (t) => {
  const { rootcast, directory } = await startBench(t)
  const [, kernel = '', , initrd = ''] = await tinyImage(directory)
  const parts = ['--kernel', kernel, '--initrd', initrd]

  t.match(await rootcast(['image', 'publish', 'lab', ...parts]), { exitCode: 2, stderr: /--layer FILE/ })
  t.match(await rootcast(['image', 'publish', 'lab', ...parts, '--layer', '/no/such']), {
    exitCode: 2,
    stderr: 'rootcast: /no/such: no such file\n'
  })
  const text = path.join(directory, 'text')
  await writeFile(text, 'this is no squashfs'.repeat(20))
  const { exitCode, stderr } = await rootcast(['image', 'publish', 'lab', ...parts, '--layer', text])
  t.equal(exitCode, 1)
  t.match(stderr, /rootcast: .*squashfs/)
  t.match(await rootcast(['image', 'list']), { stdout: /^No images yet/ })
  t.match(await rootcast(['image', 'build', 'no-such-recipe']), {
    exitCode: 2,
    stderr: /there is no recipe no-such-recipe/
  })
})
