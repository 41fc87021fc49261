import t from 'tap'
import { installFailure, mmdebstrapArguments } from '../../../server/image-build/mmdebstrap.ts'
import { parseRecipe } from '../../../server/image-build/recipe.ts'

const recipe = parseRecipe(
  'name: a\nsuite: bookworm\nkernel: linux-image-cloud-amd64\npackages: [less, busybox]\n',
  'a'
)
const scripts = { essential: '/e', customize: '/c' }
const sources = [{ uri: 'http://deb.debian.org/debian', suite: 'bookworm', components: ['main'] }]

t.test('each package is asked for once, in a stable order', async (t) => {
  const args = mmdebstrapArguments(recipe, '/tree', scripts, sources, [])
  t.ok(args.includes('--include=busybox,initramfs-tools,kmod,less,linux-image-cloud-amd64,systemd-sysv,udev,zstd'))
  t.same(args.slice(-3), ['bookworm', '/tree', 'deb http://deb.debian.org/debian bookworm main'])
})

t.test('our scripts are its hooks, and settings reach its apt', async (t) => {
  const args = mmdebstrapArguments(recipe, '/tree', scripts, sources, ['Acquire::http::Proxy "http://p:1"'])
  t.ok(args.includes('--essential-hook=/e "$1"'))
  t.ok(args.includes('--customize-hook=/c "$1"'))
  t.ok(args.includes('--aptopt=Acquire::http::Proxy "http://p:1"'))
})

t.test('documentation is left out unless asked for', async (t) => {
  const excludes = (documentation: boolean) =>
    mmdebstrapArguments({ ...recipe, documentation }, '/tree', scripts, sources, []).filter((a) => a.includes('/doc/'))
  t.equal(excludes(true).length, 0)
  t.same(excludes(false), [
    '--dpkgopt=path-exclude=/usr/share/doc/*',
    '--dpkgopt=path-include=/usr/share/doc/*/copyright'
  ])
})

t.test('failures are told apart and keep the words of the tool', async (t) => {
  const apt = { exitCode: 25, log: 'I: running\nE: Unable to locate package lees\nE: apt-get failed' }
  t.match(installFailure(apt, false), { code: 'PACKAGES_FAILED', message: /Unable to locate package lees/ })
  t.match(installFailure({ exitCode: 1, log: 'E: run_chroot failed' }, true), { code: 'CUSTOMIZE_FAILED' })
  t.match(installFailure({ exitCode: 1, log: 'cp: error writing: No space left on device' }, false), {
    code: 'NO_SPACE'
  })
  t.match(installFailure({ exitCode: 127, log: '' }, false), { code: 'TOOL_MISSING' })
})
