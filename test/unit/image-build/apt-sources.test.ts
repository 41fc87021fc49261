import t from 'tap'
import {
  parseAptOptions,
  parseIndexTargets,
  recipeSources,
  toSourcesList
} from '../../../server/image-build/apt-sources.ts'
import { parseRecipe } from '../../../server/image-build/recipe.ts'

const recipe = parseRecipe('name: a\nsuite: bookworm\nkernel: linux-image-amd64\n', 'a')
const MAIN = 'http://deb.debian.org/debian'

t.test('a release has three archives, sid has one', async (t) => {
  t.equal(
    toSourcesList(recipeSources(recipe)),
    `deb ${MAIN} bookworm main\ndeb ${MAIN} bookworm-updates main\ndeb ${MAIN}-security bookworm-security main\n`
  )
  t.same(recipeSources({ ...recipe, suite: 'sid' }), [{ uri: MAIN, suite: 'sid', components: ['main'] }])
  t.match(recipeSources(recipe, 'http://mirror.example/debian')[0], { uri: 'http://mirror.example/debian' })
})

t.test("this machine's Debian archives count, other people's do not", async (t) => {
  const text = [
    'http://cache.example:3142/debian bookworm main',
    'http://cache.example:3142/debian bookworm contrib',
    'http://cache.example:3142/debian-security bookworm-security main',
    'https://deb.example.com/node_20.x nodistro main',
    'https://download.docker.com/linux/debian bookworm stable',
    'http://cache.example:3142/debian trixie main',
    ''
  ].join('\n')
  t.same(parseIndexTargets(text, recipe), [
    { uri: 'http://cache.example:3142/debian', suite: 'bookworm', components: ['main'] },
    { uri: 'http://cache.example:3142/debian-security', suite: 'bookworm-security', components: ['main'] }
  ])
})

t.test('a machine without the suite, or without one of its components, has none', async (t) => {
  t.equal(parseIndexTargets('http://deb.debian.org/debian trixie main\n', recipe), undefined)
  t.equal(
    parseIndexTargets(`${MAIN} bookworm main\n`, { ...recipe, components: ['main', 'non-free-firmware'] }),
    undefined
  )
  t.equal(parseIndexTargets('', recipe), undefined)
})

t.test('of its settings only proxies are taken over', async (t) => {
  const dump = 'APT::Architecture amd64\nAcquire::http::Proxy http://proxy.example:3128\nAcquire::http::Timeout 10\n'
  t.same(parseAptOptions(dump), ['Acquire::http::Proxy "http://proxy.example:3128"'])
})
