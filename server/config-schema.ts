// The configuration's shape: what each setting may be, what it is when it is left out, and what becomes of it.
import { isIP, isIPv4 } from 'node:net'
import { LOADERS } from './boot/model.ts'
import { parseIpv4, parseSubnet } from './net/ipv4.ts'
import { parseIpv6, parsePrefix6 } from './net/ipv6.ts'
import {
  boolean,
  type Decoded,
  type Fields,
  integer,
  list,
  matching,
  object,
  oneOf,
  optional,
  parsed,
  record,
  refined,
  type Shape,
  text,
  withDefault
} from './shape.ts'

const ipv4 = parsed('an IPv4 address, like 192.168.77.1', parseIpv4)
const network = parsed('a network without host bits, like 192.168.77.0/24', parseSubnet)
const ipv6 = parsed('an IPv6 address, like fd00:77::1', parseIpv6)
const network6 = parsed('an IPv6 network without host bits, like fd00:77::/64', parsePrefix6)
/** IPv4, or IPv6 that may name its zone: `fe80::1%eth0`. */
const localAddress = parsed('an IP address, like 192.168.77.1 or fd00:77::1', (value) =>
  isIP(value) ? value : undefined
)
const ipv4Text = parsed('an IPv4 address, like 192.168.77.1', (value) => (isIPv4(value) ? value : undefined))
/** One address or several, IPv4 or IPv6; decoded to a list. */
const listenAddresses: Shape<readonly string[]> = {
  read(value, path, mistakes) {
    const all: readonly unknown[] = Array.isArray(value) ? value : [value]
    const addresses = all.filter((one): one is string => typeof one === 'string' && isIP(one) !== 0)
    if (addresses.length === all.length && all.length > 0) return addresses
    mistakes.push({ path, message: 'must be an IP address, or a list of them' })
    return undefined
  }
}
const name = text({ shortest: 1 })
const interfaces = withDefault(list(text({ shortest: 1, longest: 15 })), [])
const leaseSeconds = number(60, 31_536_000, 43_200)
const wholePort = integer({ from: 1, to: 65_535 })

function number(from: number, to: number, standard: number): Shape<number> {
  return withDefault(integer({ from, to }), standard)
}

/** Port 0 lets the kernel choose: for tests. */
function port(standard: number): Shape<number> {
  return number(0, 65_535, standard)
}

function choice<const T extends string>(standard: NoInfer<T>, ...values: readonly T[]): Shape<T> {
  return withDefault(oneOf(...values), standard)
}

/** All of it may be left out. */
function section<F extends Fields>(fields: F) {
  return withDefault(object(fields), {})
}

const numberedDhcpOptions = refined(record(matching(/^([0-9a-fA-F]{2})+$/, 'must be bytes in hex')), (options) =>
  Object.keys(options).every((code) => /^\d+$/.test(code) && Number(code) >= 1 && Number(code) <= 254)
    ? undefined
    : 'must name DHCP options by number, 1 to 254'
)
/** RFC 2132 §9.2, §9.11, §9.12: u32, or a client drops the reply. */
const rawDhcpOptions = refined(numberedDhcpOptions, (options) =>
  ['51', '58', '59'].every((code) => (options[code]?.length ?? 8) === 8)
    ? undefined
    : 'must hold four bytes, a number of seconds, in options 51, 58 and 59'
)

export const servedSubnetShape = object({
  subnet: network,
  pools: withDefault(list(object({ from: ipv4, to: ipv4 })), []),
  router: optional(ipv4),
  dns: withDefault(list(ipv4), []),
  ntp: withDefault(list(ipv4), []),
  domain: optional(text({ shortest: 1, longest: 255 })),
  mtu: optional(integer({ from: 576, to: 65_535 })),
  routes: withDefault(list(object({ to: network, via: ipv4 })), []),
  leaseSeconds,
  serverAddress: optional(ipv4),
  options: optional(rawDhcpOptions)
})
export type ServedSubnet = Decoded<typeof servedSubnetShape>

export const configShape = object({
  stateDir: withDefault(name, '../var'),
  log: section({ level: choice('info', 'fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent') }),
  dhcp: section({
    mode: choice('proxy', 'authoritative', 'proxy', 'off'),
    interfaces,
    kernelArgumentsOption: number(128, 254, 224),
    uefiBootfile: choice('in-offer', 'in-offer', 'on-4011'),
    quarantineSeconds: number(0, 86_400, 600),
    limits: section({
      strangersPerSecond: number(1, 1_000_000, 500),
      strangersPerSecondPerLink: number(1, 1_000_000, 200),
      packetsPerSecondPerMachine: number(1, 1_000_000, 20),
      offersPerSubnet: number(1, 1_000_000, 2048)
    }),
    subnets: withDefault(list(servedSubnetShape), [])
  }),
  dhcp6: section({
    mode: choice('off', 'authoritative', 'stateless', 'off'),
    interfaces,
    serverAddress: optional(ipv6),
    routerAdvertisements: withDefault(boolean(), true),
    subnets: withDefault(list(object({ subnet: network6, dns: withDefault(list(ipv6), []), leaseSeconds })), [])
  }),
  tftp: section({
    enabled: withDefault(boolean(), true),
    addresses: withDefault(list(localAddress), []),
    port: port(69),
    singlePort: withDefault(boolean(), false),
    portRange: optional(object({ from: integer({ from: 1024, to: 65_535 }), to: integer({ from: 1024, to: 65_535 }) })),
    engine: choice('auto', 'auto', 'plain'),
    limits: section({
      transfers: number(1, 60_000, 1024),
      transfersPerSource: number(1, 60_000, 256),
      requestsPerSecond: number(1, 1_000_000, 500),
      requestBurst: number(1, 1_000_000, 1000)
    })
  }),
  http: section({
    boot: section({
      address: withDefault(listenAddresses, '0.0.0.0'),
      port: port(80),
      proxy: optional(
        object({
          addresses: refined(
            list(parsed('an IP address', (value) => (isIP(value) ? value : undefined))),
            ({ length }) => (length > 0 ? undefined : 'must name at least one')
          ),
          port: withDefault(wholePort, 80),
          blobs: optional(matching(/^\/[a-z0-9/_-]*\/$/, 'must be a path of a-z, 0-9, _ and - between slashes'))
        })
      ),
      limits: section({
        connections: number(16, 65_536, 4096),
        connectionsPerAddress: number(1, 65_536, 256),
        idleSeconds: number(1, 3600, 15),
        stalledSeconds: number(10, 3600, 60),
        scriptsPerMinute: number(1, Number.MAX_SAFE_INTEGER, 120),
        checkInsPerMinute: number(1, Number.MAX_SAFE_INTEGER, 600)
      })
    }),
    admin: section({
      address: withDefault(ipv4Text, '127.0.0.1'),
      port: port(8070),
      uploadMegabytes: number(1, 1_048_576, 32_768),
      uploadMinutes: number(1, 1440, 240)
    })
  }),
  images: section({ store: withDefault(name, '../images/store') }),
  boot: section({
    unknownMachines: choice('default-group', 'default-group', 'local'),
    defaultGroup: withDefault(name, 'default'),
    loaders: section({
      'x86-bios': choice('ipxe', ...LOADERS),
      /** Without it, the DHCP mode decides: see `loaderDefaults` in daemon.ts. */
      'x64-uefi': optional(oneOf(...LOADERS))
    })
  })
})
export type Config = Decoded<typeof configShape>
