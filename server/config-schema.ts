// The configuration's shape: one schema is the type, the validation and the defaults.
import { isIP } from 'node:net'
import Type, { type StaticDecode } from 'typebox'
import { LOADERS } from './boot/model.ts'
import { formatIpv4, formatSubnet, parseIpv4, parseSubnet } from './net/ipv4.ts'
import { formatPrefix6, parseIpv6, parsePrefix6 } from './net/ipv6.ts'

/** Text that `parse` understands; decoded to what it makes of it. */
function parsed<T>(what: string, parse: (value: string) => T | undefined, format: (value: T) => string) {
  const text = Type.Refine(
    Type.String(),
    (value) => parse(value) !== undefined,
    () => `must be ${what}`
  )
  return Type.Codec(text)
    .Decode((value): T => {
      const decoded = parse(value)
      if (decoded === undefined) throw new RangeError(`${value} must be ${what}`)
      return decoded
    })
    .Encode(format)
}

const Address = parsed('an IPv4 address, like 192.168.77.1', parseIpv4, formatIpv4)
const Network = parsed('a network without host bits, like 192.168.77.0/24', parseSubnet, formatSubnet)
const Address6 = parsed('an IPv6 address, like fd00:77::1', parseIpv6, (address) => address)
const Network6 = parsed('an IPv6 network without host bits, like fd00:77::/64', parsePrefix6, formatPrefix6)
const ListenAddress = (address: string) => Type.String({ format: 'ipv4', default: address })
/** One address or several, IPv4 or IPv6; decoded to a list. */
const ListenAddresses = (address: string) =>
  Type.Codec(
    Type.Refine(
      Type.Unsafe<string | string[]>({ default: address }),
      (value) => {
        const all: unknown[] = Array.isArray(value) ? value : [value]
        return all.length > 0 && all.every((one) => typeof one === 'string' && isIP(one) !== 0)
      },
      () => 'must be an IP address, or a list of them'
    )
  )
    .Decode((value): readonly string[] => [value].flat())
    .Encode((addresses) => [...addresses])
/** IPv4, or IPv6 that may name its zone: `fe80::1%eth0`. */
const LocalAddress = Type.Refine(
  Type.String(),
  (value) => isIP(value) !== 0,
  () => 'must be an IP address, like 192.168.77.1 or fd00:77::1'
)
/** Port 0 lets the kernel choose: for tests. */
const Port = (port: number) => Type.Integer({ minimum: 0, maximum: 65_535, default: port })

const closed = { additionalProperties: false } as const
const section = { additionalProperties: false, default: {} } as const

const NumberedDhcpOptions = Type.Refine(
  Type.Record(Type.String(), Type.String({ pattern: '^([0-9a-fA-F]{2})+$' })),
  (options) => Object.keys(options).every((code) => /^\d+$/.test(code) && Number(code) >= 1 && Number(code) <= 254),
  () => 'must name DHCP options by number, 1 to 254'
)
/** RFC 2132 §9.2, §9.11, §9.12: u32, or a client drops the reply. */
const RawDhcpOptions = Type.Refine(
  NumberedDhcpOptions,
  (options) => ['51', '58', '59'].every((code) => (options[code]?.length ?? 8) === 8),
  () => 'must hold four bytes, a number of seconds, in options 51, 58 and 59'
)

export const ServedSubnetSchema = Type.Object(
  {
    subnet: Network,
    pools: Type.Array(Type.Object({ from: Address, to: Address }, closed), { default: [] }),
    router: Type.Optional(Address),
    dns: Type.Array(Address, { default: [] }),
    ntp: Type.Array(Address, { default: [] }),
    domain: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    mtu: Type.Optional(Type.Integer({ minimum: 576, maximum: 65_535 })),
    routes: Type.Array(Type.Object({ to: Network, via: Address }, closed), { default: [] }),
    leaseSeconds: Type.Integer({ minimum: 60, maximum: 31_536_000, default: 43_200 }),
    serverAddress: Type.Optional(Address),
    options: Type.Optional(RawDhcpOptions)
  },
  closed
)
export type ServedSubnet = StaticDecode<typeof ServedSubnetSchema>

export const ConfigSchema = Type.Object(
  {
    stateDir: Type.String({ minLength: 1, default: '../var' }),
    log: Type.Object(
      { level: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info' }) },
      section
    ),
    dhcp: Type.Object(
      {
        mode: Type.Enum(['authoritative', 'proxy', 'off'], { default: 'proxy' }),
        interfaces: Type.Array(Type.String({ minLength: 1, maxLength: 15 }), { default: [] }),
        kernelArgumentsOption: Type.Integer({ minimum: 128, maximum: 254, default: 224 }),
        uefiBootfile: Type.Enum(['in-offer', 'on-4011'], { default: 'in-offer' }),
        quarantineSeconds: Type.Integer({ minimum: 0, maximum: 86_400, default: 600 }),
        limits: Type.Object(
          {
            strangersPerSecond: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 500 }),
            strangersPerSecondPerLink: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 200 }),
            packetsPerSecondPerMachine: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 20 }),
            offersPerSubnet: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 2048 })
          },
          section
        ),
        subnets: Type.Array(ServedSubnetSchema, { default: [] })
      },
      section
    ),
    dhcp6: Type.Object(
      {
        mode: Type.Enum(['authoritative', 'stateless', 'off'], { default: 'off' }),
        interfaces: Type.Array(Type.String({ minLength: 1, maxLength: 15 }), { default: [] }),
        serverAddress: Type.Optional(Address6),
        routerAdvertisements: Type.Boolean({ default: true }),
        subnets: Type.Array(
          Type.Object(
            {
              subnet: Network6,
              dns: Type.Array(Address6, { default: [] }),
              leaseSeconds: Type.Integer({ minimum: 60, maximum: 31_536_000, default: 43_200 })
            },
            closed
          ),
          { default: [] }
        )
      },
      section
    ),
    tftp: Type.Object(
      {
        enabled: Type.Boolean({ default: true }),
        addresses: Type.Array(LocalAddress, { default: [] }),
        port: Port(69),
        singlePort: Type.Boolean({ default: false }),
        portRange: Type.Optional(
          Type.Object(
            {
              from: Type.Integer({ minimum: 1024, maximum: 65_535 }),
              to: Type.Integer({ minimum: 1024, maximum: 65_535 })
            },
            closed
          )
        ),
        engine: Type.Enum(['auto', 'plain'], { default: 'auto' }),
        limits: Type.Object(
          {
            transfers: Type.Integer({ minimum: 1, maximum: 60_000, default: 1024 }),
            transfersPerSource: Type.Integer({ minimum: 1, maximum: 60_000, default: 256 }),
            requestsPerSecond: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 500 }),
            requestBurst: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1000 })
          },
          section
        )
      },
      section
    ),
    http: Type.Object(
      {
        boot: Type.Object(
          {
            address: ListenAddresses('0.0.0.0'),
            port: Port(80),
            proxy: Type.Optional(
              Type.Object(
                {
                  addresses: Type.Array(
                    Type.Refine(
                      Type.String(),
                      (text) => isIP(text) !== 0,
                      () => 'must be an IP address'
                    ),
                    {
                      minItems: 1
                    }
                  ),
                  port: Type.Integer({ minimum: 1, maximum: 65_535, default: 80 }),
                  blobs: Type.Optional(Type.String({ pattern: '^/[a-z0-9/_-]*/$' }))
                },
                closed
              )
            ),
            limits: Type.Object(
              {
                connections: Type.Integer({ minimum: 16, maximum: 65_536, default: 4096 }),
                connectionsPerAddress: Type.Integer({ minimum: 1, maximum: 65_536, default: 256 }),
                idleSeconds: Type.Integer({ minimum: 1, maximum: 3600, default: 15 }),
                stalledSeconds: Type.Integer({ minimum: 10, maximum: 3600, default: 60 }),
                scriptsPerMinute: Type.Integer({ minimum: 1, default: 120 }),
                checkInsPerMinute: Type.Integer({ minimum: 1, default: 600 })
              },
              section
            )
          },
          section
        ),
        admin: Type.Object(
          {
            address: ListenAddress('127.0.0.1'),
            port: Port(8070),
            uploadMegabytes: Type.Integer({ minimum: 1, maximum: 1_048_576, default: 32_768 }),
            uploadMinutes: Type.Integer({ minimum: 1, maximum: 1440, default: 240 })
          },
          section
        )
      },
      section
    ),
    images: Type.Object({ store: Type.String({ minLength: 1, default: '../images/store' }) }, section),
    boot: Type.Object(
      {
        unknownMachines: Type.Enum(['default-group', 'local'], { default: 'default-group' }),
        defaultGroup: Type.String({ minLength: 1, default: 'default' }),
        loaders: Type.Object(
          {
            'x86-bios': Type.Enum([...LOADERS], { default: 'ipxe' }),
            /** Without it, the DHCP mode decides: see `loaderDefaults` in daemon.ts. */
            'x64-uefi': Type.Optional(Type.Enum([...LOADERS]))
          },
          section
        )
      },
      section
    )
  },
  closed
)
export type Config = StaticDecode<typeof ConfigSchema>
