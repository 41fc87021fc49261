import t from 'tap'
import { isChannelName, isImageName, isVersionName } from '../../../server/image/names.ts'

const HOSTILE = [
  '',
  '.',
  '..',
  '../x',
  '/etc/passwd',
  'a/b',
  'a\\b',
  'a\0',
  'a\n',
  'a b',
  '-a',
  '.a',
  'ä',
  'a%2fb',
  'a:b'
]

t.test('names that leave nothing', async (t) => {
  for (const name of HOSTILE) t.notOk(isImageName(name) || isChannelName(name), `image or channel ${name}`)
  for (const name of HOSTILE) t.notOk(isVersionName(name), `version ${name}`)
})

t.test('images and channels: lower case, digits, hyphens', async (t) => {
  for (const name of ['a', 'lab', 'debian-12', 'a-', `a${'b'.repeat(62)}`]) t.ok(isImageName(name), name)
  for (const name of ['Lab', '1a', 'a_b', 'a.b', `a${'b'.repeat(63)}`]) t.notOk(isImageName(name), name)
  t.ok(isChannelName(`a${'b'.repeat(31)}`))
  t.notOk(isChannelName(`a${'b'.repeat(32)}`))
})

t.test('versions: what Debian and semver call one, without a colon or an underscore', async (t) => {
  for (const name of ['1', '1.0.0-rc.1+5', '1.2~bpo12+1', '20260101T0102', 'a..b', 'x'.repeat(64)]) {
    t.ok(isVersionName(name), name)
  }
  for (const name of ['~1', '+1', '1_0', '1:2', 'x'.repeat(65)]) t.notOk(isVersionName(name), name)
})
