// The kernel command line: what the initramfs of BOOT=overlay reads, and then the plan's own arguments.
// No secret travels here: every user of the booted system can read /proc/cmdline.
import { type Address, urlHost } from '../net/address.ts'
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts'
import { bootif, type Mac } from '../net/mac.ts'
import type { NetworkFacts } from './answer.ts'
import type { ImagePlan, Transport } from './model.ts'

/** RFC 2132: what one DHCP option holds. iPXE reads the first instance only, so a longer line is not for it. */
export const OPTION_LENGTH = 255
/** x86's COMMAND_LINE_SIZE is 2048 with its NUL; our own words take up to 500 bytes of it. */
export const PLAN_ARGUMENTS_LENGTH = 1500
const HTTP_PORT = 80

/** What the line names besides the plan. */
export interface LineFacts {
  readonly plan: ImagePlan
  readonly bootId: string
  readonly mac: Mac
  /** The address that the client has or is being given. */
  readonly address: Address | undefined
  /** Undefined where another DHCP server gives the address. */
  readonly network: NetworkFacts | undefined
  /** The address of ours that the client talks to. */
  readonly server: Address
  readonly httpPort: number
}

/** `http://192.168.77.1:8080` or `http://[fd00:77::1]:8080`, without the port where it is the usual one. */
export function origin(transport: Transport, server: Address, httpPort: number): string {
  const port = transport === 'http' && httpPort !== HTTP_PORT ? `:${httpPort}` : ''
  return `${transport}://${urlHost(server)}${port}`
}

export function layersUrl({ plan, server, httpPort, bootId }: LineFacts): string {
  return `${origin(plan.transport, server, httpPort)}/boots/${bootId}/layers`
}

/** DHCP option 17. */
export function rootPath(facts: LineFacts): string {
  return `overlay:${layersUrl(facts)}`
}

/** What may be left out for the line to fit into one DHCP option; the URLs hold both. */
interface Omitted {
  readonly bootId: boolean
  readonly nextServer: boolean
}

const COMPLETE: Omitted = { bootId: false, nextServer: false }
const SHAPES: readonly Omitted[] = [COMPLETE, { bootId: true, nextServer: false }, { bootId: true, nextServer: true }]

/**
 * The line's words, unquoted: each loader's dialect quotes in its own way. Short enough for one DHCP option if that can
 * be done, complete if not.
 */
export function kernelWords(facts: LineFacts): readonly string[] {
  for (const omitted of SHAPES) {
    const line = words(facts, omitted)
    if (lineLength(line) <= OPTION_LENGTH) return line
  }
  return words(facts, COMPLETE)
}

function words(facts: LineFacts, omitted: Omitted): readonly string[] {
  const { plan } = facts
  return [
    'BOOT=overlay',
    `overlay.layers=${layersUrl(facts)}`,
    ...(omitted.bootId ? [] : [`overlay.boot=${facts.bootId}`]),
    `overlay.checkin=${origin('http', facts.server, facts.httpPort)}/boots/${facts.bootId}/checkins`,
    ...(plan.overlaySize === undefined ? [] : [`overlay.size=${plan.overlaySize}`]),
    `BOOTIF=${bootif(facts.mac)}`,
    networkWord(facts, omitted),
    ...plan.arguments
  ]
}

/** As long as `kernelLine` makes them. */
function lineLength(words: readonly string[]): number {
  let length = words.length - 1
  for (const word of words) length += word.length + (word.includes(' ') ? 2 : 0)
  return length
}

/** The words as the kernel takes them: one with blanks is wrapped in double quotes. */
export function kernelLine(words: readonly string[]): string {
  return words.map((word) => (word.includes(' ') ? `"${word}"` : word)).join(' ')
}

/** Every link's prefix is one of 64 bits (RFC 4291 §2.5.1). */
const LINK_PREFIX = 64

function networkWord(facts: LineFacts, omitted: Omitted): string {
  const { address, server } = facts
  // Where the card has no IPv4 address of ours, the machine goes on with the one that it was loaded from.
  if (typeof server === 'string' && typeof address === 'string') return `overlay.ip6=${address}/${LINK_PREFIX}`
  return `ip=${ipArgument(facts, omitted)}`
}

// Kernel's nfsroot.rst: client, server, gateway, netmask, host name, device, autoconf, two name servers, NTP server.
// The device stays empty because BOOTIF names it.
function ipArgument({ address, network, server }: LineFacts, omitted: Omitted): string {
  // A machine that was loaded over IPv6 asks for its IPv4 address itself.
  if (typeof address !== 'number' || typeof server !== 'number' || network === undefined) return 'dhcp'
  const [dns0, dns1] = network.dns
  const fields = [
    dotted(address),
    omitted.nextServer ? '' : dotted(server),
    dotted(network.router),
    dotted(network.netmask),
    hostNameField(network.hostname),
    '',
    'off',
    dotted(dns0),
    dotted(dns1),
    dotted(network.ntp[0])
  ]
  return fields.join(':').replace(/:+$/, '')
}

function dotted(address: Ipv4 | undefined): string {
  return address === undefined ? '' : formatIpv4(address)
}

/** A name that a client made up may hold anything; a colon would move every later field. */
function hostNameField(hostname: string | undefined): string {
  return hostname !== undefined && /^[0-9A-Za-z][0-9A-Za-z.-]{0,62}$/.test(hostname) ? hostname : ''
}

/** Says in words why `word` can't be one kernel argument in every loader's dialect; undefined when it can. */
export function kernelArgumentFault(word: string): string | undefined {
  if (word === '') return 'it is empty'
  if (word.length > PLAN_ARGUMENTS_LENGTH) return `it is longer than ${PLAN_ARGUMENTS_LENGTH} bytes`
  if (!/^[\x20-\x7e]*$/.test(word)) return 'it holds characters that are not printable ASCII'
  if (/["'\\]/.test(word)) return 'it holds a quote or a backslash, which GRUB passes on changed'
  if (/^ | {2}| $/.test(word)) return 'it begins or ends with a blank or holds two in a row, which iPXE drops'
  if (/\$[{(]/.test(word)) return 'it holds ${ or $(, which iPXE or U-Boot would expand'
  if (word.split(' ').some((part) => /^(#.*|;|&&|\|\|)$/.test(part)))
    return 'it holds a word that ends a command in iPXE'
  if (/^initrd=/.test(word)) return 'initrd= is set by the loader'
  if (/^overlay\.size=(?!\d+[%kKmMgG]?$)/.test(word)) return 'a size is written like 50%, 800m or 2g'
  return undefined
}
