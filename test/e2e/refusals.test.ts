import './support/inside.ts'
import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { STORE } from '../../server/lab/rig.ts'
import { layerOf } from './support/layer.ts'
import { startWorld } from './support/world.ts'

t.jobs = 2
const world = await startWorld(t, { clients: 4 })
await world.publish('1')

t.test(
  'a machine with too little memory says so, in numbers, before it fetches a layer',
  { buffered: true },
  async (t) => {
    const machine = await world.host(t, 1, { memoryMib: 320 }, {})
    await machine.powerOn()
    const { detail } = await machine.untilFailed('layers')
    t.match(detail, /needs \d+ MB, has \d+ MB/)
    t.notOk(
      machine.events.some(({ step, doneBytes }) => step === 'layers' && doneBytes),
      'nothing was fetched'
    )
    t.ok(await machine.screen(/overlay: .*not enough memory: needs \d+ MB, has \d+ MB/), 'on its own screen, too')
  }
)

t.test('a machine whose image does not exist says so to whoever stands before it', { buffered: true }, async (t) => {
  const machine = await world.host(t, 2, {}, { image: 'nowhere' })
  await machine.powerOn()
  t.ok(await machine.screen(/rootcast: .*nowhere.*ask your administrator/s))
})

t.test('and so does one that nobody gave an image', { buffered: true }, async (t) => {
  const machine = world.rig.client(3, { firmware: 'bios', rom: 'ipxe', memoryMib: 512 })
  t.teardown(() => machine.powerOff())
  await machine.powerOn()
  const words = new RegExp(`rootcast: .*${machine.mac}.*ask your administrator`, 's')
  t.ok(await machine.console.until(words, { timeoutMs: world.wait.bootMs }))
})

t.test('a corrupt layer is refused by the machine, which says so', { buffered: true }, async (t) => {
  const layer = await layerOf('etc/noise', randomBytes(65_536).toString('hex'))
  const { layers } = await world.publish('1', { image: 'corrupt', layers: [layer] })
  await spoil(layers[1]?.digest ?? '')
  const machine = await world.host(t, 4, {}, { image: 'corrupt' })
  await machine.powerOn()
  const { detail } = await machine.untilFailed('verify')
  t.match(detail, /layer 2 of 2 is corrupt: its sha256 is [0-9a-f]{64}, not/)
  t.ok(await machine.screen(/overlay: .*layer 2 of 2 is corrupt/))
})

/** Flips bits on the server's disk, behind its back. */
async function spoil(digest: string): Promise<void> {
  const file = await open(join(STORE, 'blobs', digest.replace(':', '/')), 'r+')
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 4096)
  await file.write(
    buffer.map((byte) => byte ^ 0xff),
    0,
    4,
    4096
  )
  await file.close()
}
