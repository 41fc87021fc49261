// U-Boot as the boards have it that are no PCs: what it asks for, what it makes of our answers, and a kernel that it starts.
import './support/bare.ts'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import t from 'tap'
import Type from 'typebox'
import { clientMac } from '../../server/lab/network.ts'
import { formatIpv4 } from '../../server/net/ipv4.ts'
import { decodeTftp, type TftpPacket } from '../../server/tftp/packet.ts'
import type { CapturedDatagram } from '../support/pcap.ts'
import { Capture } from './support/capture.ts'
import { INITRD, publishTiny, TINY } from './support/tiny.ts'
import { UBoot } from './support/u-boot.ts'
import { LOG_DIRECTORY, startWorld } from './support/world.ts'

const world = await startWorld(t, { clients: 2 })
const { initrd } = await publishTiny(world)
/** In the board's memory. */
const ADDRESS = '0x42000000'
const INITRD_NAME = `blobs/${initrd.digest.replace(':', '/')}`
await world.rig.api.post(
  '/hosts',
  { name: 'board', mac: clientMac(1), image: TINY, channel: 'stable' },
  Type.Object({})
)

function tftpOf(captured: readonly CapturedDatagram[]): readonly TftpPacket[] {
  const dhcp = (port: number) => port === 67 || port === 68
  return captured
    .filter(({ source, destination }) => !dhcp(source.port) && !dhcp(destination.port))
    .map(({ payload }) => decodeTftp(payload))
}

/** What was asked for and what was granted. */
async function agreement(wire: Capture): Promise<Record<string, unknown>> {
  const isOack = ({ kind }: TftpPacket) => kind === 'oack'
  const packets = tftpOf(await wire.until('an OACK', (heard) => tftpOf(heard).some(isOack)))
  const asked = packets.find((packet) => packet.kind === 'request')
  const granted = packets.find((packet) => packet.kind === 'oack')
  return { asked: asked && Object.fromEntries(asked.options), granted: granted && Object.fromEntries(granted.options) }
}

t.test('a board that U-Boot starts', async (t) => {
  const capture = async () => {
    const started = await Capture.of(1)
    t.teardown(() => started.stop())
    return started
  }
  const board = new UBoot(1, join(LOG_DIRECTORY, 'u-boot.log'))
  t.teardown(() => board.powerOff())
  await board.interrupt()
  t.test(
    'C1, P1, T15: it takes address and server from the answer, and gives up at once on a file that is not there',
    async (t) => {
      const wire = await capture()
      const said = await board.run('dhcp')
      t.match(said, /TFTP from server 10\.77\.0\.1; our IP address is 10\.77\.0\.\d+/)
      t.match(said, /TFTP error: 'file not found' \(1\)\s+Not retrying/, 'it guessed at a name')
      const isReply = ({ source }: CapturedDatagram) => source.port === 67
      const captured = await wire.until('OFFER and ACK', (heard) => heard.filter(isReply).length >= 2)
      const replies = captured.filter(isReply)
      for (const { payload, destination } of replies) {
        t.ok(payload.length >= 300, `${payload.length} bytes`)
        t.equal(formatIpv4(payload.readUInt32BE(20)), '10.77.0.1', 'siaddr')
        t.equal(destination.port, 68)
      }
    }
  )

  t.test('T10, T8: it gets its timeout back and full blocks, and the file is whole', async (t) => {
    const wire = await capture()
    await board.run(`tftpboot ${ADDRESS} ${INITRD_NAME}`)
    t.match(await board.run(`crc32 ${ADDRESS} ${INITRD.length.toString(16)}`), checksum(INITRD))
    const options = { timeout: '5', blksize: '1468' }
    t.match(await agreement(wire), { asked: options, granted: options })
  })

  t.test('T11, T12: windows of small blocks, past 65,535 of them', async (t) => {
    const wire = await capture()
    await board.run('setenv tftpblocksize 16; setenv tftpwindowsize 32')
    await board.run(`tftpboot ${ADDRESS} ${INITRD_NAME}`)
    t.match(await board.run(`crc32 ${ADDRESS} ${INITRD.length.toString(16)}`), checksum(INITRD))
    t.match((await agreement(wire)).granted, { timeout: '5', blksize: '16', windowsize: '32' })
    await board.run('setenv tftpblocksize; setenv tftpwindowsize')
  })

  t.test('T15: and on a name that is refused', async (t) => {
    t.match(await board.run(`tftpboot ${ADDRESS} ../secret`), /TFTP error: .* \(2\)\s+Not retrying/)
  })

  t.test('P11: by itself it finds its configuration, the kernel and the initrd, and starts it', async (t) => {
    t.match(await board.run('pxe get'), new RegExp(`01-${clientMac(1).replaceAll(':', '-')}`))
    board.console.write('pxe boot\r')
    const [, title] = await board.console.until(/1:\s+(rootcast: .*)\n/, { timeoutMs: world.wait.stepMs })
    t.match(title, 'rootcast: tiny 1 for board')
    const [line] = await board.console.until(/append: .*\n/, { timeoutMs: world.wait.stepMs })
    t.match(line, /BOOT=overlay overlay\.layers=http:\/\/10\.77\.0\.1\S* .*BOOTIF=01-52-54-00-77-00-01 .* quiet\n/)
    await board.console.until(/the kernel runs/, { timeoutMs: world.wait.stepMs })
    await board.off()
    const events = world.rig.boots.events.filter(({ mac, outcome }) => mac === board.mac && outcome === 'ok')
    const steps = new Set(events.map(({ step }) => step))
    t.same([...steps].sort(), ['dhcp', 'initrd', 'kernel', 'script'])
  })
})

t.test('a board that nobody gave an image is told so', async (t) => {
  const board = new UBoot(2, join(LOG_DIRECTORY, 'stranger.log'))
  t.teardown(() => board.powerOff())
  await board.interrupt()
  await board.run('setenv autoload no; dhcp')
  await board.run('pxe get')
  t.match(
    await board.run('pxe boot'),
    /1:\s+rootcast: no image is assigned to host 52:54:00:77:00:02; ask your administrator/
  )
})

function checksum(bytes: Buffer): RegExp {
  return new RegExp(`==> ${crc32(bytes).toString(16).padStart(8, '0')}`)
}
