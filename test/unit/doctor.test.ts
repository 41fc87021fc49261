import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { diagnose, judgeNode } from '../../server/doctor.ts'
import { rootcast, temporaryDirectory } from '../support/cli.ts'

const CONFIG = 'stateDir: state\nimages: { store: store }\ndhcp: { mode: off }\ntftp: { enabled: false }\n'

t.test('a configuration with mistakes is one finding each, and the rest is looked at all the same', async (t) => {
  const directory = await temporaryDirectory(t)
  const configPath = path.join(directory, 'rootcast.yaml')
  await writeFile(configPath, 'dhcp: { mode: x }\nfoo: 1\n')
  const findings = await diagnose({ configPath, probe: false, clock: systemClock, mac: '02:00:00:00:00:01', xid: 1 })
  t.match(
    findings.filter(({ ok, subject }) => !ok && subject.startsWith('configuration')),
    [{ mend: 'edit line 1' }, { mend: 'edit line 2' }]
  )
  t.ok(findings.some(({ subject }) => subject === 'package ipxe'))
})

t.test('a configuration that is not there, or cannot be read', async (t) => {
  const directory = await temporaryDirectory(t)
  const mend = async (configPath: string) =>
    (await diagnose({ configPath, probe: false, clock: systemClock, mac: '02:00:00:00:00:01', xid: 1 })).find(
      ({ subject }) => subject.startsWith('configuration')
    )?.mend
  const none = path.join(directory, 'none.yaml')
  t.match(await mend(none), new RegExp(`^install -D -m 644 .*/rootcast\\.example\\.yaml ${none}$`))
  t.match(await mend(directory), /^ls -l /)
})

t.test('Node', async (t) => {
  t.match(judgeNode('24.1.0'), { ok: true })
  t.match(judgeNode('20.19.0'), { ok: false, mend: 'install Node 24 or newer' })
})

t.test('as a command', async (t) => {
  const directory = await temporaryDirectory(t)
  const config = path.join(directory, 'rootcast.yaml')
  await writeFile(config, CONFIG)
  const { stdout } = await rootcast(['doctor', '--config', config])
  t.match(stdout, /^ok {5}Node: 24\./)
  t.match(stdout, `configuration ${config}: valid`)

  const missing = await rootcast(['doctor', '--json', '--config', path.join(directory, 'none.yaml')])
  t.equal(missing.exitCode, 1)
  t.ok(
    JSON.parse(missing.stdout).some(
      ({ ok, subject }: { ok: boolean; subject: string }) => !ok && /none\.yaml/.test(subject)
    )
  )
})
