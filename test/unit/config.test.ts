import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import {
  ConfigError,
  configFrom,
  EXAMPLE_CONFIG_PATH,
  loadConfig,
  makeConfigFromExample,
  parseConfig
} from '../../server/config.ts'
import { parseIpv4, parseSubnet } from '../../server/net/ipv4.ts'

function mistakesOf(text: string): readonly string[] {
  try {
    parseConfig(text, 'rootcast.yaml')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    t.equal(error.code, 'CONFIG_INVALID')
    return error.mistakes.map(({ path, line, message }) => `${line} ${path}: ${message}`)
  }
}

t.test('the example is the embedded defaults, written out', async (t) => {
  const example = await loadConfig(EXAMPLE_CONFIG_PATH)
  t.strictSame(example, configFrom({}))
})

t.test('the settings without default in the example are valid as they stand', async (t) => {
  const text = await readFile(EXAMPLE_CONFIG_PATH, 'utf8')
  const uncommented = text.replaceAll('  subnets: []\n', '').replaceAll('#~', '')
  const { dhcp } = parseConfig(uncommented, EXAMPLE_CONFIG_PATH)
  t.match(dhcp.subnets, [
    {
      subnet: parseSubnet('192.168.77.0/24'),
      pools: [{ from: parseIpv4('192.168.77.100'), to: parseIpv4('192.168.77.199') }],
      routes: [{ to: parseSubnet('10.20.0.0/16'), via: parseIpv4('192.168.77.254') }],
      options: { 42: 'c0a84d01' }
    }
  ])
})

t.test('an empty file is a valid one', async (t) => {
  t.strictSame(parseConfig('', EXAMPLE_CONFIG_PATH), configFrom({}))
})

t.test('three mistakes are three reports, each with its line and path', async (t) => {
  const text = `stateDir: var
dchp:
  mode: proxy
dhcp:
  mode: authoritative
  subnets:
    - subnet: 10.0.0.0/24
      pools:
        - from: 10.0.0.10
          to: 10.0.1.20
tftp:
  port: sixty-nine
`
  t.strictSame(mistakesOf(text), [
    '2 dchp: unknown key; known here: stateDir, log, dhcp, dhcp6, tftp, http, images, boot',
    '10 dhcp.subnets[0].pools[0].to: 10.0.1.20 is not a host address of 10.0.0.0/24',
    '12 tftp.port: must be integer'
  ])
})

t.test('more mistakes than the validator reports by itself', async (t) => {
  const text = Array.from({ length: 30 }, (_, i) => `key${i}: 1\n`).join('')
  t.equal(mistakesOf(text).length, 30)
})

const cases: Record<string, readonly [text: string, expected: readonly string[]]> = {
  'a key given twice': ['log: {}\nlog: {}\n', ['2 : Map keys must be unique']],
  'not a mapping': ['- a\n', ['undefined : must be object']],
  'an unknown mode': ['dhcp:\n  mode: server\n', ['2 dhcp.mode: must be one of authoritative, proxy, off']],
  'no subnet to be authoritative for': [
    'dhcp:\n  mode: authoritative\n',
    ['1 dhcp.subnets: mode authoritative needs at least one subnet']
  ],
  'host bits in a network': [
    'dhcp:\n  subnets:\n    - subnet: 10.0.0.1/24\n',
    ['3 dhcp.subnets[0].subnet: must be a network without host bits, like 192.168.77.0/24']
  ],
  'a missing subnet': ['dhcp:\n  subnets:\n    - router: 10.0.0.1\n', ['3 dhcp.subnets[0].subnet: is missing']],
  'a pool the wrong way round': [
    'dhcp:\n  subnets:\n    - subnet: 10.0.0.0/24\n      pools:\n        - { from: 10.0.0.9, to: 10.0.0.3 }\n',
    ['5 dhcp.subnets[0].pools[0]: from (10.0.0.9) comes after to (10.0.0.3)']
  ],
  'a pool with the broadcast address': [
    'dhcp:\n  subnets:\n    - subnet: 10.0.0.0/24\n      pools:\n        - { from: 10.0.0.9, to: 10.0.0.255 }\n',
    ['5 dhcp.subnets[0].pools[0].to: 10.0.0.255 is not a host address of 10.0.0.0/24']
  ],
  'pools that overlap': [
    'dhcp:\n  subnets:\n    - subnet: 10.0.0.0/24\n      pools:\n        - { from: 10.0.0.3, to: 10.0.0.9 }\n        - { from: 10.0.0.9, to: 10.0.0.12 }\n',
    ['6 dhcp.subnets[0].pools[1]: overlaps pools[0]']
  ],
  'subnets that overlap': [
    'dhcp:\n  subnets:\n    - subnet: 10.0.0.0/16\n    - subnet: 10.0.3.0/24\n',
    ['4 dhcp.subnets[1].subnet: 10.0.3.0/24 overlaps dhcp.subnets[0]']
  ],
  'a router elsewhere': [
    'dhcp:\n  subnets:\n    - subnet: 10.0.0.0/24\n      router: 10.0.1.1\n',
    ['4 dhcp.subnets[0].router: 10.0.1.1 is not a host address of 10.0.0.0/24']
  ],
  'an option by name': [
    'dhcp:\n  subnets:\n    - subnet: 10.0.0.0/24\n      options: { ntp: "00" }\n',
    ['4 dhcp.subnets[0].options: must name DHCP options by number, 1 to 254']
  ],
  'a lease time that is not four bytes': [
    'dhcp:\n  subnets:\n    - subnet: 10.0.0.0/24\n      options: { "51": "0e10" }\n',
    ['4 dhcp.subnets[0].options: must hold four bytes, a number of seconds, in options 51, 58 and 59']
  ],
  'an interface twice': ['dhcp:\n  interfaces: [eth0, eth0]\n', ['2 dhcp.interfaces[1]: eth0 is named twice']],
  'both faces on one port': [
    'http:\n  boot: { port: 8070 }\n',
    ["1 http.admin.port: port 8070 is the boot face's already"]
  ],
  'both faces on one address and port, in a list': [
    'http:\n  boot: { address: ["::1", 127.0.0.1], port: 8070 }\n',
    ["1 http.admin.port: port 8070 is the boot face's already"]
  ],
  'a boot face that listens nowhere': [
    'http:\n  boot:\n    address: []\n',
    ['3 http.boot.address: must be an IP address, or a list of them']
  ],
  'a boot face on a name': [
    'http:\n  boot:\n    address: [192.0.2.1, localhost]\n',
    ['3 http.boot.address: must be an IP address, or a list of them']
  ],
  'an address of the boot face twice': [
    'http:\n  boot:\n    address: ["::", "::"]\n',
    ['3 http.boot.address: :: is named twice']
  ],
  'IPv6 leases without a subnet': [
    'dhcp6:\n  mode: authoritative\nhttp:\n  boot:\n    address: "::"\n',
    ['1 dhcp6.subnets: mode authoritative needs at least one subnet']
  ],
  'an IPv6 subnet that is no /64': [
    'dhcp6:\n  subnets:\n    - subnet: fd00::/48\n',
    ['3 dhcp6.subnets[0].subnet: fd00::/48 is not a /64']
  ],
  'an IPv6 subnet with host bits': [
    'dhcp6:\n  subnets:\n    - subnet: fd00::1/64\n',
    ['3 dhcp6.subnets[0].subnet: must be an IPv6 network without host bits, like fd00:77::/64']
  ],
  'an IPv6 subnet twice': [
    'dhcp6:\n  subnets:\n    - subnet: fd00::/64\n    - subnet: fd00:0::/64\n',
    ['4 dhcp6.subnets[1].subnet: fd00::/64 is named twice']
  ],
  'a DHCPv6 interface twice': ['dhcp6:\n  interfaces: [eth0, eth0]\n', ['2 dhcp6.interfaces[1]: eth0 is named twice']],
  'IPv6 boot with a boot face that speaks IPv4 alone': [
    'dhcp6:\n  mode: stateless\nhttp:\n  boot:\n    address: 0.0.0.0\n',
    ['5 http.boot.address: no IPv6 address: with dhcp6.mode stateless, write [0.0.0.0, "::"]']
  ],
  'TFTP on a DHCPv6 port': [
    'dhcp: { mode: off }\ndhcp6: { mode: stateless }\nhttp: { boot: { address: "::" } }\ntftp:\n  port: 547\n',
    ["5 tftp.port: port 547 is DHCP's already"]
  ],
  'TFTP for nobody': [
    'tftp:\n  limits: { transfers: 0, requestsPerMinute: 5 }\n',
    [
      '2 tftp.limits.requestsPerMinute: unknown key; known here: transfers, transfersPerSource, requestsPerSecond, requestBurst',
      '2 tftp.limits.transfers: must be >= 1'
    ]
  ],
  'DHCPv6 for nobody': [
    'dhcp6:\n  limits: { strangersPerSecond: 0, offersPerSubnet: 5 }\n',
    [
      '2 dhcp6.limits.offersPerSubnet: unknown key; known here: strangersPerSecond, strangersPerSecondPerLink, packetsPerSecondPerMachine',
      '2 dhcp6.limits.strangersPerSecond: must be >= 1'
    ]
  ],
  'a range of ports that ends before it begins': [
    'tftp:\n  portRange: { from: 4000, to: 3000 }\n',
    ['2 tftp.portRange: 4000 comes after 3000']
  ],
  'a range of ports with the one that is listened on': [
    'tftp:\n  port: 3500\n  portRange: { from: 3000, to: 4000 }\n',
    ['3 tftp.portRange: 3500 is the port that is listened on']
  ],
  'a range of ports and a single one': [
    'tftp:\n  singlePort: true\n  portRange: { from: 3000, to: 4000 }\n',
    ['3 tftp.portRange: means nothing with singlePort: true']
  ],
  'TFTP on a DHCP port': ['tftp:\n  port: 67\n', ["2 tftp.port: port 67 is DHCP's already"]]
}

for (const [name, [text, expected]] of Object.entries(cases)) {
  t.test(name, async (t) => t.strictSame(mistakesOf(text), expected))
}

t.test('relative paths count from the directory of the file', async (t) => {
  const config = parseConfig('stateDir: state\nimages: { store: /srv/images }\n', '/etc/rootcast/rootcast.yaml')
  t.equal(config.stateDir, '/etc/rootcast/state')
  t.equal(config.images.store, '/srv/images')
})

t.test('files', async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'rootcast-config-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const file = path.join(dir, 'rootcast.yaml')

  await t.rejects(loadConfig(file), { code: 'CONFIG_NOT_FOUND' })
  await t.rejects(loadConfig(dir), { code: 'CONFIG_UNREADABLE' })
  t.equal(await makeConfigFromExample(file), true)
  t.equal((await loadConfig(file)).dhcp.mode, 'proxy')
  await writeFile(file, 'dhcp: { mode: off }\n')
  t.equal(await makeConfigFromExample(file), false, 'what is there stays')
  t.equal((await loadConfig(file)).dhcp.mode, 'off')
})
