import t from 'tap'
import type { BootAnswer } from '../../../server/boot/answer.ts'
import type { Boots, ScriptRequest } from '../../../server/boot/boots.ts'
import type { DhcpEvent } from '../../../server/boot/journal.ts'
import type { Arch, BootEvent, Stage, TransferReport } from '../../../server/boot/model.ts'
import type { ImageScript } from '../../../server/boot/script/script.ts'
import {
  bootWorld,
  CLIENT,
  client,
  group,
  host,
  inventoryOf,
  MAC,
  MemoryBootStore,
  NETWORK,
  SERVER
} from '../../fakes/boot-world.ts'

const OTHER = '52:54:00:00:00:02'
const FIRST = 'boot000000000001'
const SECOND = 'boot000000000002'
const KERNEL = `blobs/sha256/${'a'.repeat(64)}`

function ask(facts: Partial<ScriptRequest> = {}): ScriptRequest {
  return { mac: MAC, arch: 'x86-bios', stage: 'ipxe', uuid: undefined, address: CLIENT, server: SERVER, ...facts }
}

function dhcp(kind: DhcpEvent['kind'], facts: Partial<DhcpEvent> = {}): DhcpEvent {
  return {
    kind,
    mac: MAC,
    address: CLIENT,
    stage: 'firmware',
    arch: 'x86-bios',
    uuid: undefined,
    detail: kind,
    ...facts
  }
}

function transfer(name: string, facts: Partial<TransferReport> = {}): TransferReport {
  return {
    name,
    via: 'tftp',
    client: CLIENT,
    outcome: 'ok',
    doneBytes: 9,
    totalBytes: 9,
    sentBytes: 9,
    durationMs: 1,
    reason: undefined,
    ...facts
  }
}

function heard(boots: Boots): string[] {
  const lines: string[] = []
  boots.subscribe((event) => lines.push(`${event.step} ${event.outcome} ${event.detail}`))
  return lines
}

function image(script: ReturnType<Boots['script']>): ImageScript {
  if (script.kind !== 'image') throw new Error(`a ${script.kind} script`)
  return script
}

function booting(answer: BootAnswer): Extract<BootAnswer, { kind: 'boot' }> {
  if (answer.kind !== 'boot') throw new Error('no boot options')
  return answer
}

t.test('a whole boot, from the first DISCOVER to the running system, is one timeline', async (t) => {
  const { boots, store } = bootWorld()
  const lines = heard(boots)

  boots.answer(client(), SERVER, NETWORK)
  boots.dhcpEvent(dhcp('offer'))
  boots.answer(client(), SERVER, NETWORK)
  boots.dhcpEvent(dhcp('ack'))
  boots.transfer(transfer('ipxe/undionly.kpxe'))
  boots.answer(client({ stage: 'ipxe' }), SERVER, NETWORK)
  boots.dhcpEvent(dhcp('ack', { stage: 'ipxe' }))
  boots.script(ask())
  boots.transfer(transfer(KERNEL, { via: 'http' }))
  t.equal(boots.checkIn(FIRST, 'layers ok\ntwo layers'), 'ok')
  t.equal(boots.checkIn(FIRST, 'up ok'), 'ok')

  t.same(lines, [
    'dhcp started offer',
    'dhcp ok ack',
    'loader ok ipxe/undionly.kpxe by TFTP',
    'ipxe-dhcp ok ack',
    'script ok lab 1.0 for pc-07',
    'kernel ok kernel by HTTP',
    'layers ok two layers',
    'up ok '
  ])
  t.same(new Set(store.journal.map((event) => event.bootId)), new Set([FIRST]))
  t.match(store.boots.get(FIRST), { state: 'running', image: 'lab', version: '1.0', host: 'pc-07', address: CLIENT })
})

t.test('answers by stage', async (t) => {
  const { boots } = bootWorld({ httpPort: 8080 })
  const answers = {
    firmware: booting(boots.answer(client(), SERVER, NETWORK)),
    ipxe: booting(boots.answer(client({ stage: 'ipxe' }), SERVER, NETWORK)),
    http: booting(boots.answer(client({ mac: OTHER, stage: 'http-boot', arch: 'x64-uefi' }), SERVER, NETWORK)),
    uefi: booting(boots.answer(client({ mac: OTHER, arch: 'x64-uefi' }), SERVER, undefined))
  }
  t.match(answers.firmware, { bootfile: 'ipxe/undionly.kpxe', nextServer: SERVER, httpClient: false })
  t.equal(answers.firmware.kernelArguments, undefined, 'firmware does not read it, and nothing is pinned yet')
  t.match(answers.ipxe, {
    bootfile: 'http://192.168.77.1:8080/boot.ipxe',
    kernelArguments: /^BOOT=overlay .*ip=192\.168\.77\.50:/,
    rootPath: `overlay:http://192.168.77.1:8080/boots/${FIRST}/layers`
  })
  t.match(answers.http, { bootfile: 'http://192.168.77.1:8080/ipxe/ipxe.efi', httpClient: true })
  t.equal(answers.uefi.bootfile, 'shimx64.efi')
})

t.test('answers by architecture, where somebody installed the loaders of other machines', async (t) => {
  const loaders = new Set(['shimia32.efi', 'shimaa64.efi'])
  const { boots } = bootWorld({ loaders, httpPort: 8080 })
  const bootfile = (arch: Arch, stage: Stage) =>
    booting(boots.answer(client({ arch, stage }), SERVER, NETWORK)).bootfile
  t.equal(bootfile('x86-uefi', 'firmware'), 'shimia32.efi')
  t.equal(bootfile('arm64-uefi', 'firmware'), 'shimaa64.efi')
  t.equal(bootfile('arm64-uefi', 'http-boot'), 'http://192.168.77.1:8080/shimaa64.efi')
})

t.test('the options of a machine can be asked for without beginning a boot', async (t) => {
  const hosts = [host({ group: 'lab', dhcpOptions: { 15: '68' } })]
  const groups = [group({ name: 'lab', dhcpOptions: { 15: '67', 26: '05dc' } })]
  const { boots } = bootWorld({ inventory: inventoryOf(hosts, groups) })
  t.same(
    boots.dhcpOptions(MAC),
    new Map([
      [15, Buffer.from('h')],
      [26, Buffer.from([5, 0xdc])]
    ])
  )
  t.same(boots.dhcpOptions(undefined), new Map(), 'the default group has none')
  t.equal(boots.latest(MAC), undefined)
})

t.test('PXELINUX is told its configuration file, which ends its search at once', async (t) => {
  const { boots } = bootWorld({ inventory: inventoryOf([host({ image: 'lab', loader: 'pxelinux' })]) })
  t.match(boots.answer(client(), SERVER, NETWORK), {
    bootfile: 'pxelinux/lpxelinux.0',
    pxelinux: {
      configFile: 'pxelinux.cfg/01-52-54-00-12-34-56',
      pathPrefix: 'pxelinux/',
      rebootTimeSeconds: 60
    }
  })
})

t.test("raw DHCP options are the group's and the host's, the host's word last", async (t) => {
  const room = group({ dhcpOptions: { '150': '01', '151': '02' } })
  const machine = host({ image: 'lab', group: 'room-1', dhcpOptions: { '151': 'ff00' } })
  const { boots } = bootWorld({ inventory: inventoryOf([machine], [room]) })
  const { dhcpOptions } = boots.answer(client({ stage: 'system' }), SERVER, NETWORK)
  t.same(
    [...dhcpOptions],
    [
      [150, Buffer.from([1])],
      [151, Buffer.from([255, 0])]
    ]
  )
})

t.test('what has nothing to boot gets no boot options and is no boot', async (t) => {
  const { boots, store } = bootWorld({ inventory: inventoryOf([host({ boot: 'local' })]) })
  t.equal(boots.answer(client(), SERVER, NETWORK).kind, 'none')
  t.equal(boots.answer(client({ stage: 'ipxe' }), SERVER, NETWORK).kind, 'none')
  t.equal(boots.answer(client({ mac: undefined }), SERVER, NETWORK).kind, 'none')
  boots.dhcpEvent(dhcp('offer'))
  t.equal(boots.script(ask()).kind, 'local')
  t.equal(boots.latest(MAC), undefined)
  t.same(store.journal, [])
})

t.test('a running machine that was told to boot from its own disk has ended its boot', async (t) => {
  const machine = { ...host({ image: 'lab' }) }
  const { boots } = bootWorld({ inventory: { host: () => machine, group: () => undefined } })
  boots.script(ask())
  boots.checkIn(FIRST, 'up ok')
  machine.boot = 'local'
  boots.answer(client(), SERVER, NETWORK)
  t.equal(boots.latest(MAC)?.state, 'ended')
})

t.test('a machine that no loader serves is told nothing, and the journal says why', async (t) => {
  const { boots } = bootWorld()
  const lines = heard(boots)
  t.equal(boots.answer(client({ arch: 'arm32-uefi' }), SERVER, NETWORK).kind, 'none')
  t.same(lines, ['loader failed there is no network loader for 32-bit ARM UEFI machines; ask your administrator'])
  t.equal(boots.latest(MAC)?.state, 'failed')
})

t.test(
  'a Raspberry Pi whose firmware is not installed is told nothing, and the journal names the package',
  async (t) => {
    const { boots } = bootWorld()
    const lines = heard(boots)
    t.equal(boots.answer(client({ arch: 'raspberry-pi' }), SERVER, NETWORK).kind, 'none')
    t.match(lines, [/^loader failed the loader start4\.elf .* Debian's package raspi-firmware/])
  }
)

t.test('a Raspberry Pi is sent here without a name: it names its files itself', async (t) => {
  const { boots } = bootWorld({ loaders: new Set(['start4.elf']) })
  const answer = booting(boots.answer(client({ arch: 'raspberry-pi' }), SERVER, NETWORK))
  t.match(answer, { bootfile: '', nextServer: SERVER, kernelArguments: undefined, pxelinux: undefined })
})

t.test('a Raspberry Pi without an image is told nothing, for it could not show why', async (t) => {
  const { boots } = bootWorld({ loaders: new Set(['start4.elf']), inventory: inventoryOf([]) })
  const lines = heard(boots)
  t.equal(boots.answer(client({ arch: 'raspberry-pi' }), SERVER, NETWORK).kind, 'none')
  t.same(lines, ['loader failed no image is assigned to host 52:54:00:12:34:56; ask your administrator'])
})

t.test(
  'U-Boot is sent here without a name, refused or not: it asks for its configuration by itself, and shows it',
  async (t) => {
    for (const inventory of [inventoryOf([host({ image: 'lab' })]), inventoryOf([])]) {
      const { boots } = bootWorld({ inventory })
      const answer = booting(boots.answer(client({ arch: 'u-boot' }), SERVER, NETWORK))
      t.match(answer, { bootfile: '', nextServer: SERVER, kernelArguments: undefined, pxelinux: undefined })
    }
  }
)

t.test(
  'D10: a Raspberry Pi is known by the address that it was offered, another machine by what it was leased',
  async (t) => {
    const { boots } = bootWorld()
    boots.dhcpEvent(dhcp('offer'))
    t.equal(boots.macOf(CLIENT), undefined)
    boots.dhcpEvent(dhcp('offer', { arch: 'raspberry-pi' }))
    t.equal(boots.macOf(CLIENT), MAC)
  }
)

t.test('a refusal is shown by the loader that would have booted', async (t) => {
  const { boots } = bootWorld({ inventory: inventoryOf([]) })
  const lines = heard(boots)
  t.equal(booting(boots.answer(client(), SERVER, NETWORK)).bootfile, 'ipxe/undionly.kpxe')
  const refused = {
    kind: 'refused',
    message: 'no image is assigned to host 52:54:00:12:34:56; ask your administrator',
    again: 'http://192.168.77.1/boot.ipxe?mac=52:54:00:12:34:56'
  }
  t.same(boots.script(ask()), refused)
  t.same(boots.script(ask()), refused)
  t.same(lines, [`script failed ${refused.message}`], 'and asking again every minute is no news')
})

t.test('a refused machine boots once it has been given an image, in the same boot', async (t) => {
  const machine = { ...host() }
  const { boots } = bootWorld({ inventory: { host: () => machine, group: () => undefined } })
  boots.script(ask())
  t.equal(boots.latest(MAC)?.state, 'failed')
  machine.image = 'lab'
  t.equal(boots.script(ask()).kind, 'image')
  t.match(boots.latest(MAC), { id: FIRST, state: 'booting', version: '1.0' })
})

t.test('a boot keeps its version when the channel moves, and the next boot gets the new one', async (t) => {
  const { boots, channels } = bootWorld()
  boots.answer(client({ stage: 'ipxe' }), SERVER, NETWORK)
  channels['lab/stable'] = '2.0'
  t.equal(image(boots.script(ask())).title, 'lab 1.0 for pc-07')
  t.equal((await boots.versionOf(FIRST))?.version, '1.0')
  t.same(boots.inUse('lab', '1.0'), [FIRST])

  boots.checkIn(FIRST, 'up ok')
  t.same(boots.inUse('lab', '1.0'), [FIRST], 'a running machine uses its version')
  boots.answer(client(), SERVER, NETWORK)
  t.equal(image(boots.script(ask())).title, 'lab 2.0 for pc-07')
  t.same(boots.inUse('lab', '1.0'), [])
  t.same(boots.inUse('lab', '2.0'), [SECOND])
})

t.test('DHCP and script give the very same line, so the script may read it from the option', async (t) => {
  const { boots } = bootWorld()
  const { kernelArguments } = booting(boots.answer(client({ stage: 'ipxe' }), SERVER, NETWORK))
  const script = image(boots.script(ask()))
  t.equal(script.words.join(' '), kernelArguments)
  t.equal(script.lineOption, 224)
})

t.test('a script for a machine that DHCP of ours gave no line carries it itself', async (t) => {
  const { boots } = bootWorld()
  boots.answer(client({ address: undefined }), SERVER, undefined)
  const script = image(boots.script(ask()))
  t.equal(script.lineOption, undefined)
  t.ok(script.words.includes('ip=dhcp'))
})

t.test('an initramfs that asks by DHCP is given the line of its boot', async (t) => {
  const { boots } = bootWorld()
  const system = client({ stage: 'system' })
  t.equal(boots.answer(system, SERVER, NETWORK).kernelArguments, undefined, 'no boot is under way')
  const line = booting(boots.answer(client({ stage: 'ipxe' }), SERVER, NETWORK)).kernelArguments
  t.match(boots.answer(system, SERVER, NETWORK), { kind: 'none', kernelArguments: line })
  boots.checkIn(FIRST, 'up ok')
  t.equal(boots.answer(system, SERVER, NETWORK).kernelArguments, undefined, 'a running system has no use for it')
})

t.test('a step back begins another boot, and says what became of the last one', async (t) => {
  const { boots, store } = bootWorld()
  boots.script(ask())
  boots.transfer(transfer(KERNEL))
  boots.answer(client(), SERVER, NETWORK)
  t.match(store.boots.get(FIRST), { state: 'failed' })
  t.match(store.journal.at(-1), { detail: 'the machine started again; the last step was kernel' })
  t.equal(boots.latest(MAC)?.id, SECOND)
})

t.test('what a machine does not have to do with a boot makes none', async (t) => {
  const { boots } = bootWorld()
  boots.transfer(transfer('shimx64.efi'))
  boots.dhcpEvent(dhcp('ack', { stage: 'system' }))
  boots.dhcpEvent(dhcp('dropped', { mac: undefined }))
  boots.dhcpEvent(dhcp('nak'))
  t.equal(boots.latest(MAC), undefined)
  t.equal(boots.macOf(CLIENT), MAC, 'but its address is known now')
})

t.test('a machine for which no address is left is in the journal', async (t) => {
  const { boots } = bootWorld()
  boots.dhcpEvent(dhcp('pool-empty', { address: undefined, detail: 'no address is free' }))
  t.match(boots.latest(MAC), { state: 'booting' })
})

t.test('a running machine that gives its address back has ended; an initramfs that does has not', async (t) => {
  const { boots } = bootWorld()
  boots.script(ask())
  boots.dhcpEvent(dhcp('release', { stage: 'system' }))
  t.equal(boots.latest(MAC)?.state, 'booting')
  boots.checkIn(FIRST, 'up ok')
  boots.dhcpEvent(dhcp('release', { stage: 'system' }))
  t.equal(boots.latest(MAC)?.state, 'ended')
})

t.test('a machine that falls silent has failed after ten minutes, and goes on when it speaks again', async (t) => {
  const { boots, clock, store } = bootWorld()
  await boots.start()
  boots.script(ask())
  clock.advance(9 * 60_000)
  t.equal(boots.latest(MAC)?.state, 'booting')
  clock.advance(2 * 60_000)
  t.match(store.boots.get(FIRST), { state: 'failed' })
  t.match(store.journal.at(-1), { detail: /^nothing heard for 1\d minutes; the last step was script$/ })
  t.equal(boots.checkIn(FIRST, 'network ok'), 'ok')
  t.equal(boots.latest(MAC)?.state, 'booting')
  boots.close()
  clock.advance(3_600_000)
  t.equal(boots.latest(MAC)?.state, 'booting', 'a closed journal watches no more')
})

t.test('a renewal is a sign of life', async (t) => {
  const { boots, clock } = bootWorld({ silence: { bootingMs: 60_000, runningMs: 100_000 } })
  await boots.start()
  boots.script(ask())
  boots.checkIn(FIRST, 'up ok')
  clock.advance(90_000)
  boots.dhcpEvent(dhcp('ack', { stage: 'system' }))
  clock.advance(90_000)
  t.equal(boots.latest(MAC)?.state, 'running')
  clock.advance(60_000)
  t.equal(boots.latest(MAC)?.state, 'ended')
  boots.close()
})

t.test('check-ins that mean nothing change nothing', async (t) => {
  const { boots } = bootWorld()
  boots.script(ask())
  t.equal(boots.checkIn('nobody', 'up ok'), 'unknown-boot')
  t.equal(boots.checkIn(FIRST, 'gibberish'), 'malformed')
  t.equal(boots.latest(MAC)?.state, 'booting')
})

t.test('where bytes are is told to those who watch, and not kept', async (t) => {
  const { boots, store } = bootWorld()
  const events: BootEvent[] = []
  const leave = boots.subscribe((event) => events.push(event))
  boots.script(ask())
  const kept = store.journal.length
  boots.checkIn(FIRST, 'layers progress 10 20')
  t.match(events.at(-1), { step: 'layers', outcome: 'progress', doneBytes: 10, totalBytes: 20 })
  boots.transfer(transfer(KERNEL, { outcome: 'progress', doneBytes: 8, sentBytes: 5, durationMs: 500 }))
  t.match(events.at(-1), { step: 'kernel', outcome: 'progress', doneBytes: 8, totalBytes: 9, bytesPerSecond: 10 })
  t.equal(store.journal.length, kept)
  leave()
  boots.checkIn(FIRST, 'up ok')
  t.equal(events.at(-1)?.step, 'kernel', 'who left hears no more')
})

t.test('the client knows best how far its layers are', async (t) => {
  const { boots } = bootWorld()
  const lines = heard(boots)
  const layer = transfer(`blobs/sha256/${'c'.repeat(64)}`, { via: 'http' })
  boots.script(ask())
  boots.transfer(layer)
  t.equal(lines.at(-1), 'layers progress layers by HTTP', 'one layer is not all of them')
  boots.checkIn(FIRST, 'layers started')
  boots.transfer(layer)
  t.equal(lines.at(-1), 'layers started ')
})

t.test('a transfer that failed says why', async (t) => {
  const { boots } = bootWorld()
  const lines = heard(boots)
  boots.script(ask())
  boots.transfer(transfer(KERNEL, { outcome: 'failed', reason: 'the client went away' }))
  t.equal(lines.at(-1), 'kernel failed kernel by TFTP: the client went away')
  t.equal(boots.latest(MAC)?.state, 'booting')
})

t.test('what a stranger claims does not take an address from whom DHCP gave it to', async (t) => {
  const { boots } = bootWorld()
  boots.answer(client(), SERVER, NETWORK)
  boots.dhcpEvent(dhcp('ack'))
  boots.script(ask({ address: CLIENT + 9 }))
  t.equal(boots.macOf(CLIENT), MAC)
  t.equal(boots.macOf(CLIENT + 9), undefined)
})

t.test('without DHCP of ours, a machine is known by the address that it asked from', async (t) => {
  const { boots } = bootWorld()
  boots.script(ask())
  t.equal(boots.macOf(CLIENT), MAC)
  t.equal(boots.latest(MAC)?.address, CLIENT)
})

t.test('a server that starts again takes up the boots that were not over', async (t) => {
  const store = new MemoryBootStore()
  const before = bootWorld({ store })
  before.boots.script(ask())
  before.boots.checkIn(FIRST, 'up ok')

  const after = bootWorld({ store, newId: () => SECOND })
  await after.boots.start()
  t.teardown(() => after.boots.close())
  t.same(after.boots.inUse('lab', '1.0'), [FIRST])
  t.equal(after.boots.macOf(CLIENT), MAC)
  t.equal((await after.boots.versionOf(FIRST))?.version, '1.0')
  after.boots.answer(client(), SERVER, NETWORK)
  t.equal(store.boots.get(FIRST)?.state, 'ended')
})

t.test('a boot that an earlier server pinned keeps its version in its script', async (t) => {
  const store = new MemoryBootStore()
  bootWorld({ store }).boots.script(ask())
  const after = bootWorld({ store })
  after.channels['lab/stable'] = '2.0'
  await after.boots.start()
  t.teardown(() => after.boots.close())
  t.equal(image(after.boots.script(ask())).title, 'lab 1.0 for pc-07')
})

t.test('the layers of a boot that is over can still be had', async (t) => {
  const { boots } = bootWorld()
  boots.script(ask())
  boots.transfer(transfer(KERNEL))
  boots.script(ask())
  t.not(boots.latest(MAC)?.id, FIRST)
  t.equal((await boots.versionOf(FIRST))?.version, '1.0')
  t.equal(await boots.versionOf('nobody'), undefined)
})

t.test('machines invented by the thousand push out one another, not the running ones', async (t) => {
  const { boots } = bootWorld({ machines: 3 })
  boots.script(ask())
  boots.checkIn(FIRST, 'up ok')
  for (let n = 0; n < 10; n++) boots.answer(client({ mac: `02:00:00:00:00:0${n}` }), SERVER, NETWORK)
  t.equal(boots.latest(MAC)?.state, 'running')
  t.equal(boots.latest('02:00:00:00:00:00'), undefined)
})

t.test('over IPv6 everything is told as a URL', async (t) => {
  const { boots } = bootWorld()
  const tells = (facts: Parameters<typeof client>[0]) => boots.answer(client(facts), 'fd00:77::1', undefined)
  const address = 'fd00:77::50'
  t.match(tells({ address, stage: 'firmware' }), { bootfile: 'tftp://[fd00:77::1]/ipxe/undionly.kpxe' })
  t.match(tells({ address, arch: 'x64-uefi', stage: 'http-boot' }), {
    bootfile: 'http://[fd00:77::1]/ipxe/ipxe.efi'
  })
  t.match(tells({ address, stage: 'ipxe' }), { bootfile: 'http://[fd00:77::1]/boot.ipxe' })
})

t.test('the initramfs speaks IPv4, whatever its loader spoke', async (t) => {
  const { boots } = bootWorld({ ipv4Beside: (server) => (server === 'fd00:77::1' ? SERVER : undefined) })
  boots.answer(client(), SERVER, NETWORK)
  boots.answer(client({ address: 'fd00:77::50' }), 'fd00:77::1', undefined)
  const script = image(boots.script(ask({ address: 'fd00:77::50', server: 'fd00:77::1' })))
  t.equal(script.origin, 'http://[fd00:77::1]')
  t.ok(script.words.includes('ip=dhcp'), 'it was never told an IPv4 address')
  t.match(script.words[1], /^overlay\.layers=http:\/\/192\.168\.77\.1\//)
  const alone = bootWorld().boots
  const words = image(alone.script(ask({ address: 'fd00:77::50', server: 'fd00:77::1' }))).words
  t.match(words[1], /^overlay\.layers=http:\/\/\[fd00:77::1\]\//, 'where there is no IPv4 to speak')
  t.ok(words.includes('overlay.ip6=fd00:77::50/64'))
  t.notOk(words.some((word) => word.startsWith('ip=')))
})
