// What a schema can't say: how one setting bounds another.
import { isIPv6 } from 'node:net'
import type { Config, ServedSubnet } from './config-schema.ts'
import type { Mistake, Path } from './decode.ts'
import { broadcastAddress, contains, formatIpv4, formatSubnet, type Ipv4, type Subnet } from './net/ipv4.ts'
import { formatPrefix6 } from './net/ipv6.ts'

export function subnetMistakes(served: ServedSubnet, path: Path): readonly Mistake[] {
  const { subnet, pools, router } = served
  const mistakes: Mistake[] = []
  const complain = (at: Path, message: string) => mistakes.push({ path: [...path, ...at], message })

  for (const [i, pool] of pools.entries()) {
    for (const end of ['from', 'to'] as const) {
      if (!isHost(subnet, pool[end])) {
        complain(['pools', i, end], `${formatIpv4(pool[end])} is not a host address of ${formatSubnet(subnet)}`)
      }
    }
    if (pool.from > pool.to) {
      complain(['pools', i], `from (${formatIpv4(pool.from)}) comes after to (${formatIpv4(pool.to)})`)
    }
    const earlier = pools.findIndex((other, j) => j < i && pool.from <= other.to && other.from <= pool.to)
    if (earlier !== -1) complain(['pools', i], `overlaps pools[${earlier}]`)
  }
  if (router !== undefined && !isHost(subnet, router)) {
    complain(['router'], `${formatIpv4(router)} is not a host address of ${formatSubnet(subnet)}`)
  }
  return mistakes
}

export function dhcpMistakes({ mode, subnets, interfaces }: Config['dhcp']): readonly Mistake[] {
  const mistakes: Mistake[] = []
  if (mode === 'authoritative' && subnets.length === 0) {
    mistakes.push({ path: ['dhcp', 'subnets'], message: 'mode authoritative needs at least one subnet' })
  }
  for (const [i, { subnet }] of subnets.entries()) {
    const earlier = subnets.findIndex((other, j) => j < i && overlap(other.subnet, subnet))
    if (earlier === -1) continue
    mistakes.push({
      path: ['dhcp', 'subnets', i, 'subnet'],
      message: `${formatSubnet(subnet)} overlaps dhcp.subnets[${earlier}]`
    })
  }
  for (const [i, name] of interfaces.entries()) {
    if (interfaces.indexOf(name) < i) {
      mistakes.push({ path: ['dhcp', 'interfaces', i], message: `${name} is named twice` })
    }
  }
  return mistakes
}

export function dhcp6Mistakes({ mode, subnets, interfaces }: Config['dhcp6']): readonly Mistake[] {
  const mistakes: Mistake[] = []
  const complain = (path: Path, message: string) => mistakes.push({ path: ['dhcp6', ...path], message })
  if (mode === 'authoritative' && subnets.length === 0)
    complain(['subnets'], 'mode authoritative needs at least one subnet')
  const networks = subnets.map(({ subnet }) => formatPrefix6(subnet))
  for (const [i, { subnet }] of subnets.entries()) {
    if (subnet.prefix !== 64) complain(['subnets', i, 'subnet'], `${networks[i]} is not a /64`)
    else if (networks.indexOf(networks[i] ?? '') < i)
      complain(['subnets', i, 'subnet'], `${networks[i]} is named twice`)
  }
  for (const [i, name] of interfaces.entries()) {
    if (interfaces.indexOf(name) < i) complain(['interfaces', i], `${name} is named twice`)
  }
  return mistakes
}

/** Two faces on one TCP port clash when one of them listens on every address, or both on the same. */
export function httpMistakes({ boot, admin }: Config['http']): readonly Mistake[] {
  const twice = boot.address.findIndex((address, i) => boot.address.indexOf(address) < i)
  const repeated = { path: ['http', 'boot', 'address'], message: `${boot.address[twice]} is named twice` }
  const sameAddress = [...boot.address, admin.address].includes('0.0.0.0') || boot.address.includes(admin.address)
  const clash = { path: ['http', 'admin', 'port'], message: `port ${admin.port} is the boot face's already` }
  return [
    ...(twice === -1 ? [] : [repeated]),
    ...(boot.port !== 0 && boot.port === admin.port && sameAddress ? [clash] : [])
  ]
}

/** DHCPv6 sends machines to the boot face. */
export function ipv6Mistakes({ dhcp6, http }: Pick<Config, 'dhcp6' | 'http'>): readonly Mistake[] {
  if (dhcp6.mode === 'off' || http.boot.address.some((address) => isIPv6(address))) return []
  const message = `no IPv6 address: with dhcp6.mode ${dhcp6.mode}, write [${[...http.boot.address, '"::"'].join(', ')}]`
  return [{ path: ['http', 'boot', 'address'], message }]
}

/** DHCP and TFTP are both UDP. */
export function udpMistakes({ dhcp, dhcp6, tftp }: Pick<Config, 'dhcp' | 'dhcp6' | 'tftp'>): readonly Mistake[] {
  const taken = [...(dhcp.mode === 'off' ? [] : [67, 4011]), ...(dhcp6.mode === 'off' ? [] : [547, 4011])]
  if (!tftp.enabled || !taken.includes(tftp.port)) return []
  return [{ path: ['tftp', 'port'], message: `port ${tftp.port} is DHCP's already` }]
}

export function tftpMistakes({ port, portRange, singlePort }: Config['tftp']): readonly Mistake[] {
  if (!portRange) return []
  const { from, to } = portRange
  const mistake = (wrong: boolean, message: string) => (wrong ? [{ path: ['tftp', 'portRange'], message }] : [])
  return [
    ...mistake(from > to, `${from} comes after ${to}`),
    ...mistake(from <= port && port <= to, `${port} is the port that is listened on`),
    ...mistake(singlePort, 'means nothing with singlePort: true')
  ]
}

function isHost(subnet: Subnet, address: Ipv4): boolean {
  if (!contains(subnet, address)) return false
  // RFC 3021: a /31 has no network and no broadcast address.
  return subnet.prefix >= 31 || (address !== subnet.network && address !== broadcastAddress(subnet))
}

function overlap(a: Subnet, b: Subnet): boolean {
  return a.prefix <= b.prefix ? contains(a, b.network) : contains(b, a.network)
}
