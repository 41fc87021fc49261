import t from 'tap'
import { startBench } from '../../support/cli.ts'

t.test('groups', async (t) => {
  const { rootcast, json } = await startBench(t)
  t.match(
    await json(['group', 'add', 'room1', '--image', 'lab', '--channel', 'stable', '--dhcp-option', '42=c0a84d01']),
    {
      name: 'room1',
      dhcpOptions: { 42: 'c0a84d01' }
    }
  )
  t.equal(
    (await rootcast(['group', 'list'])).stdout,
    'NAME   BOOTS       LOADER  ARGUMENTS\nroom1  lab:stable  -       -\n'
  )
  t.match(await rootcast(['group', 'set', 'room1', '--boot', 'local']), { stdout: /boots +local disk/ })
  t.match(await rootcast(['group', 'show', 'room1']), { stdout: /dhcp options +42=c0a84d01/ })

  await json(['host', 'add', 'pc1', '--mac', '52:54:00:12:34:56', '--group', 'room1'])
  t.match(await rootcast(['group', 'remove', 'room1']), { exitCode: 1, stderr: /still has 1 host/ })
  await rootcast(['host', 'remove', 'pc1'])
  t.match(await rootcast(['group', 'remove', 'room1']), { exitCode: 0 })
})
