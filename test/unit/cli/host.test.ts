import t from 'tap'
import { startBench } from '../../support/cli.ts'

t.test('hosts', async (t) => {
  const { rootcast, json } = await startBench(t)
  t.match(await rootcast(['host', 'list']), { exitCode: 0, stdout: /^No hosts yet/ })

  const added = await rootcast([
    'host',
    'add',
    'pc1',
    '--mac',
    '5254.0012.3456',
    '--image',
    'lab',
    '--argument',
    'quiet'
  ])
  t.equal(added.exitCode, 0, added.stderr)
  t.equal(added.stdout, 'name       pc1\nmac        52:54:00:12:34:56\nboots      lab\narguments  quiet\n')
  t.match(await rootcast(['host', 'add', 'pc1', '--mac', '52:54:00:12:34:57']), { exitCode: 1, stderr: /pc1/ })

  t.strictSame(
    await json(['host', 'set', '52:54:00:12:34:56', '--version', '7', '--address', '10.0.0.9', '--name', 'pc01']),
    {
      name: 'pc01',
      mac: '52:54:00:12:34:56',
      address: '10.0.0.9',
      image: 'lab',
      version: '7',
      arguments: ['quiet']
    }
  )
  t.match(await json(['host', 'set', 'pc01', '--channel', 'stable', '--unset', 'arguments', 'address']), {
    image: 'lab',
    channel: 'stable',
    version: undefined,
    address: undefined,
    arguments: undefined
  })
  t.equal(
    (await rootcast(['host', 'list'])).stdout,
    'NAME  MAC                GROUP  ADDRESS  BOOTS\npc01  52:54:00:12:34:56  -      -        lab:stable\n'
  )
  t.match(await rootcast(['host', 'remove', 'pc01']), { exitCode: 0, stdout: 'Forgot host pc01.\n' })
  t.match(await rootcast(['host', 'show', 'pc01']), { exitCode: 1, stderr: 'rootcast: there is no host pc01\n' })
})

t.test('a wrong option never leaves the machine', async (t) => {
  const { rootcast } = await startBench(t)
  const add = ['host', 'add', 'pc1', '--mac', '52:54:00:12:34:56']
  t.match(await rootcast([...add, '--dhcp-option', 'ntp']), { exitCode: 2, stderr: /42=c0a84d01/ })
  t.match(await rootcast([...add, '--loader', 'lilo']), { exitCode: 2, stderr: /ipxe, pxelinux, grub/ })
  t.match(await rootcast([...add, '--channel', 'stable', '--version', '1']), {
    exitCode: 2,
    stderr: /cannot be used with/
  })
})
