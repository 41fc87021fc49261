// The configuration's shape: what each setting may be, what it is when it is left out, and what becomes of it.
import { isIP, isIPv4 } from 'node:net'
import * as v from 'valibot'
import { LOADERS } from './boot/model.ts'
import { closedObject, integer, oneOf, parsed, plainObject } from './decode.ts'
import { parseIpv4, parseSubnet } from './net/ipv4.ts'
import { parseIpv6, parsePrefix6 } from './net/ipv6.ts'

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
const listenAddresses = v.pipe(
  v.custom<string | readonly string[]>((value) => {
    const all: readonly unknown[] = Array.isArray(value) ? value : [value]
    return all.length > 0 && all.every((one) => typeof one === 'string' && isIP(one) !== 0)
  }, 'must be an IP address, or a list of them'),
  v.transform((value): readonly string[] => [value].flat())
)
const name = v.pipe(v.string(), v.nonEmpty())
const interfaces = list(v.pipe(v.string(), v.nonEmpty(), v.maxLength(15)))
const leaseSeconds = number(60, 31_536_000, 43_200)
const wholePort = integer(1, 65_535)
const highPort = integer(1024, 65_535)

function number(from: number, to: number, standard: number) {
  return v.optional(integer(from, to), standard)
}

/** Port 0 lets the kernel choose: for tests. */
function port(standard: number) {
  return number(0, 65_535, standard)
}

function choice<const T extends readonly string[]>(standard: T[number], ...values: T) {
  return v.optional(oneOf(...values), standard)
}

/** Empty when it is left out. */
function list<const S extends v.GenericSchema>(items: S) {
  return v.optional(v.pipe(v.array(items), v.readonly()), [])
}

/** All of it may be left out. */
function section<const E extends v.ObjectEntries>(entries: E) {
  return v.optional(closedObject(entries), {})
}

const rawDhcpOptions = v.pipe(
  plainObject<Readonly<Record<string, string>>>(),
  v.check(
    (options) => Object.keys(options).every((code) => /^\d+$/.test(code) && Number(code) >= 1 && Number(code) <= 254),
    'must name DHCP options by number, 1 to 254'
  ),
  v.record(v.string(), v.pipe(v.string(), v.regex(/^([0-9a-fA-F]{2})+$/, 'must be bytes in hex'))),
  /** RFC 2132 §9.2, §9.11, §9.12: u32, or a client drops the reply. */
  v.check(
    (options) => ['51', '58', '59'].every((code) => (options[code]?.length ?? 8) === 8),
    'must hold four bytes, a number of seconds, in options 51, 58 and 59'
  ),
  v.readonly()
)

export const servedSubnetSchema = closedObject({
  subnet: network,
  pools: list(closedObject({ from: ipv4, to: ipv4 })),
  router: v.exactOptional(ipv4),
  dns: list(ipv4),
  ntp: list(ipv4),
  domain: v.exactOptional(v.pipe(v.string(), v.nonEmpty(), v.maxLength(255))),
  mtu: v.exactOptional(integer(576, 65_535)),
  routes: list(closedObject({ to: network, via: ipv4 })),
  leaseSeconds,
  serverAddress: v.exactOptional(ipv4),
  options: v.exactOptional(rawDhcpOptions)
})
export type ServedSubnet = v.InferOutput<typeof servedSubnetSchema>

const admissionLimits = {
  strangersPerSecond: number(1, 1_000_000, 500),
  strangersPerSecondPerLink: number(1, 1_000_000, 200),
  packetsPerSecondPerMachine: number(1, 1_000_000, 20)
}

export const configEntries = {
  stateDir: v.optional(name, '../var'),
  log: section({ level: choice('info', 'fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent') }),
  dhcp: section({
    mode: choice('proxy', 'authoritative', 'proxy', 'off'),
    interfaces,
    kernelArgumentsOption: number(128, 254, 224),
    uefiBootfile: choice('in-offer', 'in-offer', 'on-4011'),
    quarantineSeconds: number(0, 86_400, 600),
    limits: section({
      ...admissionLimits,
      offersPerSubnet: number(1, 1_000_000, 2048)
    }),
    subnets: list(servedSubnetSchema)
  }),
  dhcp6: section({
    mode: choice('off', 'authoritative', 'stateless', 'off'),
    interfaces,
    serverAddress: v.exactOptional(ipv6),
    routerAdvertisements: v.optional(v.boolean(), true),
    limits: section(admissionLimits),
    subnets: list(closedObject({ subnet: network6, dns: list(ipv6), leaseSeconds }))
  }),
  tftp: section({
    enabled: v.optional(v.boolean(), true),
    addresses: list(localAddress),
    port: port(69),
    singlePort: v.optional(v.boolean(), false),
    portRange: v.exactOptional(closedObject({ from: highPort, to: highPort })),
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
      address: v.optional(listenAddresses, '0.0.0.0'),
      port: port(80),
      proxy: v.exactOptional(
        closedObject({
          addresses: v.pipe(
            v.array(parsed('an IP address', (value) => (isIP(value) ? value : undefined))),
            v.nonEmpty('must name at least one'),
            v.readonly()
          ),
          port: v.optional(wholePort, 80),
          blobs: v.exactOptional(
            v.pipe(v.string(), v.regex(/^\/[a-z0-9/_-]*\/$/, 'must be a path of a-z, 0-9, _ and - between slashes'))
          )
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
      address: v.optional(ipv4Text, '127.0.0.1'),
      port: port(8070),
      uploadMegabytes: number(1, 1_048_576, 32_768),
      uploadMinutes: number(1, 1440, 240)
    })
  }),
  images: section({ store: v.optional(name, '../images/store') }),
  boot: section({
    unknownMachines: choice('default-group', 'default-group', 'local'),
    defaultGroup: v.optional(name, 'default'),
    loaders: section({
      'x86-bios': v.optional(oneOf(...LOADERS), 'ipxe'),
      /** Without it, the DHCP mode decides: see `loaderDefaults` in daemon.ts. */
      'x64-uefi': v.exactOptional(oneOf(...LOADERS))
    })
  })
}
export const configSchema = closedObject(configEntries)
export type Config = v.InferOutput<typeof configSchema>
