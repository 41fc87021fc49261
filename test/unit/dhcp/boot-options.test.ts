import t from 'tap'
import type { BootAnswer } from '../../../server/boot/answer.ts'
import { type BootFieldsInput, bootFields } from '../../../server/dhcp/boot-options.ts'
import { factsOf } from '../../../server/dhcp/facts.ts'
import type { DhcpPacket } from '../../../server/dhcp/packet.ts'
import {
  addr,
  bootAnswer,
  bytes,
  latin1,
  message,
  NO_BOOT,
  type OptionList,
  optionsOf
} from '../../support/dhcp-packets.ts'

const SERVER = addr('192.168.77.1')
const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex')

interface Asking {
  readonly options: OptionList
  readonly header?: Partial<DhcpPacket>
  readonly answer?: BootAnswer
  readonly config?: Partial<BootFieldsInput['config']>
  readonly port?: 67 | 4011
}

function fieldsFor({ options, header, answer = bootAnswer(), config, port = 67 }: Asking) {
  const facts = factsOf(message('discover', options, header))
  const all = { mode: 'authoritative', optionCode: 224, uefiBootfile: 'in-offer', ...config } as const
  const { siaddr, file, options: found } = bootFields({ answer, facts, config: all, port })
  return { siaddr, file, options: optionsOf(found) }
}

const ASK_BOTH = [55, bytes(1, 3, 43, 60, 66, 67)] as const
const BIOS: OptionList = [[60, latin1('PXEClient:Arch:00000:UNDI:002001')], [93, bytes(0, 0)], ASK_BOTH]
const UEFI: OptionList = [[60, latin1('PXEClient:Arch:00007:UNDI:003000')], [93, bytes(0, 7)], ASK_BOTH]
const IPXE: OptionList = [[60, latin1('PXEClient:Arch:00000:UNDI:002001')], [77, latin1('iPXE')], ASK_BOTH]

t.test('P1, P2, P5, C11: PXE firmware is told in the header and in options, with discovery control', async (t) => {
  const want = {
    siaddr: SERVER,
    file: 'ipxe/undionly.kpxe',
    options: {
      43: '060108ff',
      60: hex('PXEClient'),
      66: hex('192.168.77.1'),
      67: `${hex('ipxe/undionly.kpxe')}00`
    }
  }
  t.same(fieldsFor({ options: BIOS }), want)
  t.same(fieldsFor({ options: UEFI }), want, 'P3, P4: and UEFI firmware alike')
})

t.test('P1: 66 and 67 only when asked for; without a list everything is asked for', async (t) => {
  const [vendor, arch] = BIOS
  if (!vendor || !arch) throw new Error('no options')
  t.same(Object.keys(fieldsFor({ options: [vendor, arch, [55, bytes(1, 3)]] }).options), ['43', '60'])
  t.same(Object.keys(fieldsFor({ options: [vendor, arch] }).options), ['43', '60', '66', '67'])
})

t.test('P7: the size in 512-byte blocks is never sent, or EDK2 takes it for the buffer', async (t) => {
  t.notOk(
    13 in
      fieldsFor({
        options: [
          [60, latin1('PXEClient')],
          [55, bytes(13, 67)]
        ]
      }).options
  )
})

t.test('P3c, P4: UEFI firmware may be made to ask on port 4011', async (t) => {
  const config = { uefiBootfile: 'on-4011' } as const
  t.same(fieldsFor({ options: UEFI, config }), { siaddr: SERVER, file: '', options: { 60: hex('PXEClient') } })
  t.match(fieldsFor({ options: UEFI, config, port: 4011 }), { file: 'ipxe/undionly.kpxe', options: { 43: '060108ff' } })
  t.match(fieldsFor({ options: BIOS, config }), { file: 'ipxe/undionly.kpxe' }, 'BIOS firmware never is')
  t.match(
    fieldsFor({ options: [...UEFI, [77, latin1('iPXE')]], config }),
    { file: 'ipxe/undionly.kpxe' },
    'nor is iPXE'
  )
})

t.test('P6: the boot item is echoed', async (t) => {
  const options: OptionList = [...UEFI, [43, bytes(71, 4, 0, 0, 0, 0, 255)]]
  t.equal(fieldsFor({ options, port: 4011 }).options[43], '0601084704000000 00ff'.replace(' ', ''))
})

t.test('P8, D11: iPXE is told the script, the kernel line, and not to wait for ProxyDHCP', async (t) => {
  const answer = bootAnswer({ bootfile: 'http://192.168.77.1/boot.ipxe' })
  const fields = fieldsFor({ options: IPXE, answer })
  t.same(fields, {
    siaddr: SERVER,
    file: 'http://192.168.77.1/boot.ipxe',
    options: {
      43: '060108ff',
      60: hex('PXEClient'),
      66: hex('192.168.77.1'),
      67: `${hex('http://192.168.77.1/boot.ipxe')}00`,
      175: 'b00101',
      224: hex('BOOT=overlay')
    }
  })
  t.notOk(
    175 in fieldsFor({ options: IPXE, answer, config: { mode: 'proxy' } }).options,
    'the proxy itself is waited for'
  )
})

t.test('a bootfile that is too long for the header is in option 67 alone, asked for or not', async (t) => {
  const bootfile = `http://192.168.77.1/${'x'.repeat(120)}`
  const fields = fieldsFor({
    options: [
      [60, latin1('PXEClient')],
      [77, latin1('iPXE')],
      [55, bytes(1)]
    ],
    answer: bootAnswer({ bootfile })
  })
  t.equal(fields.file, '')
  t.equal(fields.options[67], `${hex(bootfile)}00`)
})

t.test('H1, H2: UEFI HTTP boot gets a URL in both places, and its own class', async (t) => {
  const bootfile = 'http://192.168.77.1/shimx64.efi'
  const options: OptionList = [[60, latin1('HTTPClient:Arch:00016:UNDI:003001')], [93, bytes(0, 16)], ASK_BOTH]
  t.same(fieldsFor({ options, answer: bootAnswer({ bootfile, httpClient: true }) }), {
    siaddr: SERVER,
    file: bootfile,
    options: { 60: hex('HTTPClient'), 67: `${hex(bootfile)}00` }
  })
})

t.test('P9: a Raspberry Pi gets the menu that its ROM looks for', async (t) => {
  const options: OptionList = [
    [60, latin1('PXEClient:Arch:00000:UNDI:002001')],
    [93, bytes(0, 0)]
  ]
  const menu = (chaddr: string) => fieldsFor({ options, header: { chaddr } }).options[43]
  t.equal(menu('dc:a6:32:00:00:01'), `0601030a0400${hex('PXE')}0914000011${hex('Raspberry Pi Boot')}ff`)
  t.equal(menu('b8:27:eb:00:00:01'), `0601030a0400${hex('PXE')}0917000014${hex('Raspberry Pi Boot   ')}ff`)
})

t.test('P9, C11: a Raspberry Pi is told the server, as header field and dotted quad, and no name', async (t) => {
  const options: OptionList = [
    [60, latin1('PXEClient:Arch:00000:UNDI:002001')],
    [93, bytes(0, 0)],
    [55, bytes(1, 3, 43, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135)]
  ]
  const answer = bootAnswer({ bootfile: '', kernelArguments: undefined, rootPath: undefined })
  t.same(fieldsFor({ options, header: { chaddr: 'dc:a6:32:00:00:01' }, answer }), {
    siaddr: SERVER,
    file: '',
    options: {
      43: `0601030a0400${hex('PXE')}0914000011${hex('Raspberry Pi Boot')}ff`,
      60: hex('PXEClient'),
      66: hex('192.168.77.1')
    }
  })
})

t.test('D13: RFC 5071, PXELINUX’s options, for those who boot it', async (t) => {
  const pxelinux = { configFile: 'pxelinux.cfg/b1', pathPrefix: 'tftp://192.168.77.1/', rebootTimeSeconds: 60 }
  t.match(fieldsFor({ options: BIOS, answer: bootAnswer({ pxelinux }) }).options, {
    208: 'f100747e',
    209: hex('pxelinux.cfg/b1'),
    210: hex('tftp://192.168.77.1/'),
    211: '0000003c'
  })
})

t.test('the kernel line and the root go to a system that names their options', async (t) => {
  const answer: BootAnswer = { ...NO_BOOT, kernelArguments: 'BOOT=overlay', rootPath: 'overlay:http://x/' }
  const none = { siaddr: 0, file: '' }
  t.same(fieldsFor({ options: [[55, bytes(1, 224, 17)]], answer }), {
    ...none,
    options: { 17: hex('overlay:http://x/'), 224: hex('BOOT=overlay') }
  })
  t.same(fieldsFor({ options: [[55, bytes(1, 3)]], answer }), { ...none, options: {} })
  t.same(fieldsFor({ options: [], answer }), { ...none, options: {} }, 'no list names nothing')
  t.same(
    fieldsFor({ options: [[55, bytes(230)]], answer, config: { optionCode: 230 } }),
    { ...none, options: { 230: hex('BOOT=overlay') } },
    'the code is configurable'
  )
})

t.test('who boots from its own disk gets no boot option, but those of its host and group', async (t) => {
  const answer: BootAnswer = { kind: 'none', dhcpOptions: new Map([[252, latin1('wpad')]]) }
  t.same(fieldsFor({ options: BIOS, answer }), { siaddr: 0, file: '', options: { 252: hex('wpad') } })
})

t.test('the options of host and group win over ours', async (t) => {
  const answer = bootAnswer({ dhcpOptions: new Map([[66, latin1('10.0.0.9')]]) })
  t.equal(fieldsFor({ options: BIOS, answer }).options[66], hex('10.0.0.9'))
})

t.test('a running system gets a bootfile only when it asks for one', async (t) => {
  t.match(fieldsFor({ options: [[55, bytes(1, 3)]] }), { siaddr: 0, file: '', options: {} })
  t.match(fieldsFor({ options: [[55, bytes(66, 67)]] }), { siaddr: SERVER, file: 'ipxe/undionly.kpxe' })
})
