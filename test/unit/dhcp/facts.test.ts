import t from 'tap'
import {
  asksFor,
  type Facts,
  factsOf,
  isEarlyRaspberryPi,
  userClasses,
  wants,
  wayOf
} from '../../../server/dhcp/facts.ts'
import type { DhcpPacket } from '../../../server/dhcp/packet.ts'
import { addr, bytes, latin1, MAC, message, type OptionList, packet, quad } from '../../support/dhcp-packets.ts'

const of = (options: OptionList, header: Partial<DhcpPacket> = {}): Facts =>
  factsOf(message('discover', options, header))

const PI = { chaddr: 'dc:a6:32:00:00:01' }
const PXE_BIOS = [93, bytes(0, 0)] as const
const PXE = [60, latin1('PXEClient:Arch:00007:UNDI:003000')] as const
const IPXE_FEATURES = [175, bytes(0xb1, 5, 1, 0x1a, 0xf4, 0x10, 0, 0xeb, 3, 1, 0, 0, 0x13, 1, 1)] as const

t.test('who is asking: its stage and arch', async (t) => {
  const cases: Record<string, { options: OptionList; header?: Partial<DhcpPacket>; want: string }> = {
    'a running system': { options: [[60, latin1('dhcpcd-9.4.1')]], want: 'system unknown' },
    'a BIOS machine': {
      options: [[60, latin1('PXEClient:Arch:00000:UNDI:002001')], PXE_BIOS],
      want: 'firmware x86-bios'
    },
    'C7: the first arch that is known counts': {
      options: [PXE, [93, bytes(0x7f, 0xff, 0, 7, 0, 0)]],
      want: 'firmware x64-uefi'
    },
    'C7: without option 93, the vendor class names the arch': { options: [PXE], want: 'firmware x64-uefi' },
    'a vendor class that ends after its name': { options: [[60, latin1('PXEClient')]], want: 'firmware unknown' },
    'arch 9 is an older x64 board': { options: [PXE, [93, bytes(0, 9)]], want: 'firmware x64-uefi' },
    'a 32-bit UEFI machine': { options: [PXE, [93, bytes(0, 6)]], want: 'firmware x86-uefi' },
    'an ARM64 machine': { options: [PXE, [93, bytes(0, 11)]], want: 'firmware arm64-uefi' },
    'U-Boot, by option 93 alone': {
      options: [
        [60, latin1('U-Boot.armv8')],
        [93, bytes(0, 22)]
      ],
      want: 'firmware u-boot'
    },
    'an arch of half a number': { options: [PXE, [93, bytes(7)]], want: 'firmware unknown' },
    'H1: UEFI HTTP boot': {
      options: [
        [60, latin1('HTTPClient:Arch:00016:UNDI:003001')],
        [93, bytes(0, 16)]
      ],
      want: 'http-boot x64-uefi'
    },
    'C6, P8: iPXE, its user class raw': {
      options: [PXE, [77, latin1('iPXE')], [93, bytes(0, 7)]],
      want: 'ipxe x64-uefi'
    },
    'C6: iPXE, its user class counted': { options: [PXE, [77, latin1('\x03lab\x04iPXE')]], want: 'ipxe x64-uefi' },
    'C8, P8: iPXE with a user class of somebody’s own': {
      options: [PXE, [77, latin1('acme')], IPXE_FEATURES],
      want: 'ipxe x64-uefi'
    },
    'another user class': { options: [PXE, [77, latin1('iPXE-like')]], want: 'firmware x64-uefi' },
    'an option 175 without features': { options: [PXE, [175, bytes(1, 1, 1)]], want: 'firmware x64-uefi' },
    'P9: a Raspberry Pi that says it is a BIOS': {
      options: [[60, latin1('PXEClient:Arch:00000:UNDI:002001')], PXE_BIOS],
      header: PI,
      want: 'firmware raspberry-pi'
    },
    'P9: one that is known by option 97': {
      options: [PXE, PXE_BIOS, [97, bytes(0, ...latin1('RPi4'), ...new Uint8Array(12))]],
      want: 'firmware raspberry-pi'
    },
    'P9: its REQUEST, which lacks option 60': {
      options: [[55, bytes(1, 3, 43, 60, 66, 67)]],
      header: PI,
      want: 'firmware raspberry-pi'
    },
    'the system that runs on it': { options: [[55, bytes(1, 3, 6, 12)]], header: PI, want: 'system unknown' },
    'UEFI firmware on it': { options: [PXE, [93, bytes(0, 11)]], header: PI, want: 'firmware arm64-uefi' }
  }
  for (const [name, { options, header, want }] of Object.entries(cases)) {
    const { stage, arch } = of(options, header)
    t.equal(`${stage} ${arch}`, want, name)
  }
})

t.test('the first Raspberry Pis are known by their cards', async (t) => {
  const pi = (chaddr: string) => isEarlyRaspberryPi(of([PXE_BIOS], { chaddr }))
  t.same([pi('b8:27:eb:00:00:01'), pi('dc:a6:32:00:00:01'), pi(MAC)], [true, false, false])
})

t.test('what a machine is known by', async (t) => {
  const cases: Record<string, { options?: OptionList; header?: Partial<DhcpPacket>; want: string | undefined }> = {
    'its MAC': { want: MAC },
    'its MAC, whatever the client-id': { options: [[61, bytes(255, 1, 2, 3)]], want: MAC },
    'another hardware address': { header: { htype: 6, chaddr: '01:02' }, want: '6-01:02' },
    'C5: on IPoIB its client-id': {
      options: [[61, bytes(255, 1)]],
      header: { htype: 32, chaddr: '' },
      want: 'id-ff01'
    },
    'a MAC of zeros is none': { header: { chaddr: '00:00:00:00:00:00' }, want: undefined },
    'nothing at all': { header: { htype: 32, chaddr: '' }, want: undefined }
  }
  for (const [name, { options = [], header = {}, want }] of Object.entries(cases)) {
    t.equal(of(options, header).identity, want, name)
  }
  t.equal(of([], { htype: 6, chaddr: '01:02' }).mac, undefined)
  t.equal(of([[61, bytes(255, 1)]]).clientId, 'ff01')
})

t.test('the UUID is printed as SMBIOS tools and iPXE print it', async (t) => {
  const raw = bytes(0, 0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff)
  const turned = bytes(0, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff)
  const want = '00112233-4455-6677-8899-aabbccddeeff'
  const cases: Record<string, { options: OptionList; want: string | undefined }> = {
    'firmware sends the table’s bytes': { options: [PXE, [97, raw]], want },
    'iPXE has turned them': { options: [PXE, [77, latin1('iPXE')], [97, turned]], want },
    'C5: another length is ignored': { options: [PXE, [97, raw.subarray(0, 16)]], want: undefined },
    'C5: none at all is fine': { options: [PXE, [97, bytes()]], want: undefined },
    'another type is ignored': { options: [PXE, [97, raw.with(0, 1)]], want: undefined },
    'zeros say nothing': { options: [PXE, [97, new Uint8Array(17)]], want: undefined },
    'a Raspberry Pi’s is none': { options: [[97, bytes(0, ...latin1('RPi4'), ...new Uint8Array(12))]], want: undefined }
  }
  for (const [name, { options, want }] of Object.entries(cases)) t.equal(of(options).uuid, want, name)
})

t.test('C9: how long a message the client takes', async (t) => {
  const cases: Record<string, [value: Uint8Array | undefined, want: number]> = {
    'nothing said': [undefined, 548],
    'less than anybody may say': [bytes(1, 0), 548],
    'a real card’s ROM': [bytes(4, 236), 1232],
    'all that Ethernet carries': [bytes(5, 220), 1472],
    'EDK2’s, with its bytes swapped': [bytes(255, 0), 1472]
  }
  for (const [name, [value, want]] of Object.entries(cases)) {
    t.equal(of(value ? [[57, value]] : []).maxLengthBytes, want, name)
  }
})

t.test('the parameter request list', async (t) => {
  const listed = of([[55, bytes(1, 3)]])
  t.same([wants(listed, 3), wants(listed, 6), asksFor(listed, 3), asksFor(listed, 6)], [true, false, true, false])
  t.same([wants(of([]), 3), asksFor(of([]), 3)], [true, false], 'no list wants everything and names nothing')
})

t.test('a hostname that is none is left out', async (t) => {
  const cases: Record<string, string | undefined> = {
    pc1: 'pc1',
    'pc1.room.example\0': 'pc1.room.example',
    '': undefined,
    'pc 1': undefined,
    '$(reboot)': undefined,
    '-pc': undefined
  }
  for (const [name, want] of Object.entries(cases)) t.equal(of([[12, latin1(name)]]).hostname, want, name)
})

t.test('user classes, counted or raw', async (t) => {
  const cases: [value: string, want: readonly string[]][] = [
    ['iPXE', ['iPXE']],
    ['\x04iPXE', ['iPXE']],
    ['\x01a\x02bc', ['a', 'bc']],
    ['\x05iPXE', ['\x05iPXE']],
    ['\0', ['\0']],
    ['', []]
  ]
  for (const [value, want] of cases) t.same(userClasses(latin1(value)), want, JSON.stringify(value))
})

t.test('D5: option 82 counts only when a relay agent stands behind it', async (t) => {
  const agent: OptionList = [[82, bytes(5, 4, 10, 0, 5, 0, 11, 4, 10, 0, 0, 9)]]
  const relayed = of(agent, { giaddr: addr('10.0.0.1') })
  t.same([relayed.linkSelection, relayed.serverIdOverride], [addr('10.0.5.0'), addr('10.0.0.9')])
  const direct = of(agent)
  t.same([direct.relayAgent, direct.linkSelection, direct.serverIdOverride], [undefined, undefined, undefined])
})

t.test('D9: the way of a packet: its card, or its relay agent and circuit', async (t) => {
  const circuit = (n: number): OptionList => [[82, bytes(1, 1, n)]]
  const relayed = (n: number) => wayOf(packet(circuit(n), { giaddr: 1 }), 'eth1')
  t.equal(wayOf(packet(circuit(1)), 'eth1'), 'eth1', 'no agent stands behind it')
  t.equal(relayed(1), relayed(1))
  t.equal(new Set([relayed(1), relayed(2), wayOf(packet([], { giaddr: 1 }), 'eth1'), 'eth1']).size, 4)
})

t.test('P6: the boot item that a boot server is asked for', async (t) => {
  t.same([...(of([[43, bytes(71, 4, 0x80, 1, 0, 0, 255)]]).bootItem ?? [])], [0x80, 1, 0, 0])
  t.equal(of([[43, bytes(71, 2, 0, 0, 255)]]).bootItem, undefined)
})

t.test('an option that decides something is malformed when its length is wrong', async (t) => {
  const cases: [code: number, value: Uint8Array][] = [
    [50, bytes(1, 2, 3)],
    [54, quad('10.0.0.1').subarray(1)],
    [57, bytes(5)]
  ]
  for (const [code, value] of cases)
    t.throws(() => of([[code, value]]), { name: 'MalformedPacket', field: `option ${code}` })
  t.throws(() => factsOf(packet([[53, bytes()]])), { name: 'MalformedPacket', field: 'option 53' })
  t.equal(factsOf(packet()).messageType, undefined, 'absent is something else')
})
