import { rmSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { configFrom } from '../../../server/config.ts'
import { examineRights, judgePortRights } from '../../../server/doctor/rights.ts'
import { temporaryDirectory, testConfig } from '../../support/cli.ts'

const NET_BIND_SERVICE = 1n << 10n

t.test('low ports', async (t) => {
  const config = configFrom({})
  t.match(judgePortRights(config, { capabilities: 0n, firstOpenPort: 1024 }), {
    ok: false,
    mend: /CAP_NET_BIND_SERVICE/
  })
  t.match(judgePortRights(config, { capabilities: NET_BIND_SERVICE, firstOpenPort: 1024 }), { ok: true })
  t.match(judgePortRights(config, { capabilities: 0n, firstOpenPort: 0 }), { ok: true, detail: /not needed/ })
})

t.test('directories, there or to be made', async (t) => {
  const directory = await temporaryDirectory(t)
  const [, state, store] = await examineRights(testConfig(directory))
  t.match(state, {
    ok: true,
    subject: `state directory ${path.join(directory, 'state')}`,
    detail: /^writable, .* free$/
  })
  t.match(store, { subject: `image store ${path.join(directory, 'store')}` })
  rmSync(directory, { recursive: true })
})
