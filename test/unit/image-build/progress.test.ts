import t from 'tap'
import { type BuildProgress, overall, packageProgress } from '../../../server/image-build/progress.ts'

const OUTPUT = `I: automatically chosen mode: root
I: running apt-get update...
I: downloading packages with apt...
0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.
Get:1 http://deb.debian.org/debian bookworm/main amd64 base-files amd64 12.4 [70.7 kB]
I: extracting archives...
I: installing essential packages...
Unpacking base-files (12.4) ...
Setting up base-files (12.4) ...
I: installing remaining packages inside the chroot...
0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.
Get:1 http://deb.debian.org/debian bookworm/main amd64 zstd amd64 1.5.4 [701 kB]
Unpacking zstd (1.5.4) ...
Setting up zstd (1.5.4) ...
I: rootcast customize
I: rootcast initramfs`.split('\n')

t.test('phases come in their order and the bar never goes back', async (t) => {
  const told: BuildProgress[] = []
  const take = packageProgress((progress) => told.push(progress))
  for (const line of OUTPUT) take(line)
  t.same([...new Set(told.map(({ phase }) => phase))], ['index', 'essential', 'packages', 'customize', 'initramfs'])
  const percents = told.map(({ percent }) => percent)
  t.same(
    percents,
    percents.toSorted((a, b) => a - b)
  )
  t.ok(told.some(({ words }) => words === 'setting up zstd'))
  t.ok(told.some(({ words }) => words === 'fetching base-files'))
})

t.test('a share of a phase is a share of the whole', async (t) => {
  t.equal(overall('index', 0), 0)
  t.equal(overall('squashfs', 1), 100)
  t.equal(overall('packages', 7), overall('customize', 0), 'more than all of a phase is all of it')
  t.equal(overall('done', 0), 100)
  t.equal(overall('cached', 1), 100)
})
