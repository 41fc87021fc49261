import t from 'tap'
import {
  kernelArgumentFault,
  kernelLine,
  kernelWords,
  type LineFacts,
  layersUrl,
  origin,
  rootPath
} from '../../../server/boot/cmdline.ts'
import type { ImagePlan } from '../../../server/boot/model.ts'
import { CLIENT, MAC, NETWORK, SERVER, version } from '../../fakes/boot-world.ts'

const PLAN: ImagePlan = {
  kind: 'image',
  host: undefined,
  group: undefined,
  loader: 'ipxe',
  version: version(),
  channel: 'stable',
  rootMode: 'ram',
  transport: 'http',
  overlaySize: undefined,
  arguments: ['quiet']
}

const FACTS: LineFacts = {
  plan: PLAN,
  bootId: 'abcdefgh12345678',
  mac: MAC,
  address: CLIENT,
  network: NETWORK,
  server: SERVER,
  httpPort: 80
}

t.test(
  'the line names the boot, the network card and the lease, and ends with the arguments of the plan',
  async (t) => {
    t.equal(
      kernelLine(kernelWords({ ...FACTS, plan: { ...PLAN, arguments: ['console=ttyS0,115200n8', 'quiet'] } })),
      'BOOT=overlay' +
        ' overlay.layers=http://192.168.77.1/boots/abcdefgh12345678/layers' +
        ' overlay.boot=abcdefgh12345678' +
        ' overlay.checkin=http://192.168.77.1/boots/abcdefgh12345678/checkins' +
        ' BOOTIF=01-52-54-00-12-34-56' +
        ' ip=192.168.77.50:192.168.77.1:192.168.77.1:255.255.255.0:pc-07::off:192.168.77.1' +
        ' console=ttyS0,115200n8 quiet'
    )
  }
)

t.test('what the URLs say anyway is left out where the line fits into one DHCP option without it', async (t) => {
  const lineFor = (words: readonly string[]) =>
    kernelLine(kernelWords({ ...FACTS, plan: { ...PLAN, arguments: words } }))
  t.match(
    lineFor(['x'.repeat(8)]),
    /checkins BOOTIF=\S+ ip=192\.168\.77\.50::192\.168\.77\.1:/,
    'the next-server as well'
  )
  t.notMatch(lineFor(['x'.repeat(8)]), 'overlay.boot=')
  const short = kernelLine(kernelWords({ ...FACTS, network: undefined }))
  t.match(short, / overlay\.boot=abcdefgh12345678 /)
  t.match(lineFor(['x'.repeat(300)]), / overlay\.boot=abcdefgh12345678 /, 'nothing is left out in vain')
})

t.test('two name servers and a time server have their places in ip=', async (t) => {
  const network = { ...NETWORK, router: undefined, hostname: undefined, dns: [1, 2, 3], ntp: [4, 5] }
  t.match(
    kernelLine(kernelWords({ ...FACTS, network })),
    / ip=192\.168\.77\.50:192\.168\.77\.1::255\.255\.255\.0:::off:0\.0\.0\.1:0\.0\.0\.2:0\.0\.0\.4 /
  )
  const noDns = { ...NETWORK, dns: [], ntp: [4] }
  t.match(kernelLine(kernelWords({ ...FACTS, network: noDns })), /:off:::0\.0\.0\.4 /)
})

t.test("a host name can't move the fields behind it", async (t) => {
  const network = { ...NETWORK, hostname: 'pc:07 evil' }
  t.match(kernelLine(kernelWords({ ...FACTS, network })), /:255\.255\.255\.0:::off:/)
})

t.test('ip=dhcp where another server gives the address, or none is known yet', async (t) => {
  t.match(kernelLine(kernelWords({ ...FACTS, network: undefined })), / ip=dhcp /)
  t.match(kernelLine(kernelWords({ ...FACTS, address: undefined })), / ip=dhcp /)
})

t.test('layers come by TFTP where the plan says so, check-ins always by HTTP', async (t) => {
  const facts = { ...FACTS, httpPort: 8080, plan: { ...PLAN, transport: 'tftp' as const, overlaySize: '2g' } }
  const line = kernelLine(kernelWords(facts))
  t.match(line, / overlay\.layers=tftp:\/\/192\.168\.77\.1\/boots\/abcdefgh12345678\/layers /)
  t.match(line, / overlay\.checkin=http:\/\/192\.168\.77\.1:8080\/boots\/abcdefgh12345678\/checkins overlay\.size=2g /)
})

t.test('URLs leave the usual port out', async (t) => {
  t.equal(origin('http', SERVER, 80), 'http://192.168.77.1')
  t.equal(origin('http', SERVER, 8080), 'http://192.168.77.1:8080')
  t.equal(origin('tftp', SERVER, 8080), 'tftp://192.168.77.1')
  t.equal(layersUrl(FACTS), 'http://192.168.77.1/boots/abcdefgh12345678/layers')
  t.equal(rootPath(FACTS), 'overlay:http://192.168.77.1/boots/abcdefgh12345678/layers')
})

t.test('a word with blanks is wrapped in quotes for the kernel', async (t) => {
  t.equal(kernelLine(['a', 'b=c d']), 'a "b=c d"')
})

const FAULTS: Record<string, [word: string, fault: RegExp | undefined]> = {
  'a plain word is fine': ['console=ttyS0,115200n8', undefined],
  'dollars, semicolons and hashes inside a word are fine': ['a=$b;c#d&&e', undefined],
  'single blanks are fine': ['systemd.setenv=A=b c', undefined],
  'nothing is no argument': ['', /empty/],
  'a newline would begin a line of its own': ['a\nb', /printable/],
  'letters beyond ASCII are cut by firmware': ['ä', /printable/],
  'quotes change on their way through GRUB': ['a="b"', /quote/],
  'single quotes as well': ["a='b'", /quote/],
  'and backslashes': ['a\\', /backslash/],
  'iPXE would expand a setting': [`a=\${net0/mac}`, /expand/],
  'U-Boot would expand a variable': ['a=$(serverip)', /expand/],
  'iPXE would begin a comment': ['#a', /ends a command/],
  'iPXE would end the command': ['a && b', /ends a command/],
  'iPXE drops doubled blanks': ['a  b', /blank/],
  'blanks at the ends get lost': [' a', /blank/],
  'the initrd is not for the host to choose': ['initrd=/evil', /loader/],
  'a size is a number with a unit': ['overlay.size=lots', /size/],
  'a novel': ['x'.repeat(1501), /longer/]
}

for (const [sentence, [word, fault]] of Object.entries(FAULTS)) {
  t.test(`one argument: ${sentence}`, async (t) => {
    const found = kernelArgumentFault(word)
    if (fault === undefined) t.equal(found, undefined)
    else t.match(found, fault)
  })
}

t.test(
  'over IPv6 alone the line names the address that the machine was loaded with, over both it asks by DHCP',
  async (t) => {
    const wordsOf = (facts: Partial<LineFacts>) => kernelWords({ ...FACTS, network: undefined, ...facts })
    const address = 'fd00:77::50'
    t.ok(wordsOf({ address, server: 'fd00:77::1' }).includes('overlay.ip6=fd00:77::50/64'))
    t.ok(wordsOf({ address }).includes('ip=dhcp'))
    t.ok(wordsOf({ address: undefined, server: 'fd00:77::1' }).includes('ip=dhcp'))
  }
)
