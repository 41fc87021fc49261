// The nouns of a boot. Every protocol speaks of a machine in these terms, and planFor (plan.ts) alone decides with them.
import type { Address } from '../net/address.ts'
import type { Ipv4 } from '../net/ipv4.ts'
import type { Mac } from '../net/mac.ts'
import type { Soon } from '../soon.ts'

/** What kind of machine is asking (option 93, RFC 4578 §2.1), folded to what makes a difference to the loader. */
export type Arch =
  | 'x86-bios'
  | 'x86-uefi'
  | 'x64-uefi'
  | 'arm32-uefi'
  | 'arm64-uefi'
  | 'u-boot'
  | 'raspberry-pi'
  | 'unknown'

/** Which link of the chain is asking: PXE firmware, UEFI HTTP boot, iPXE, or the booted system and its initramfs. */
export type Stage = 'firmware' | 'http-boot' | 'ipxe' | 'system'

export const LOADERS = ['ipxe', 'pxelinux', 'grub'] as const
export type Loader = (typeof LOADERS)[number]

/** What loads the kernel. U-Boot does it itself, so does a Raspberry Pi's firmware, and nobody can choose another. */
export type KernelLoader = Loader | 'u-boot' | 'raspberry-pi'

/** How a client gets its lower; `ram` is fetched whole before it is mounted. */
export const ROOT_MODES = ['ram'] as const
export type RootMode = (typeof ROOT_MODES)[number]

/** Which protocol carries the layers in root mode `ram`. */
export const TRANSPORTS = ['http', 'tftp'] as const
export type Transport = (typeof TRANSPORTS)[number]

/** Who is asking, as far as this request shows it. */
export interface Client {
  readonly mac: Mac | undefined
  /** The address that it has or is being given. */
  readonly address: Address | undefined
  readonly arch: Arch
  readonly stage: Stage
  /** SMBIOS UUID (option 97), lower case with hyphens. */
  readonly uuid: string | undefined
}

/** What a host and its group can both say; the host's word wins, and arguments add up. */
export interface BootSettings {
  /** `local` leaves the machine to its own disk. */
  readonly boot?: 'image' | 'local' | undefined
  readonly image?: string | undefined
  /** One of `channel` and `version`; a version is a pin. */
  readonly channel?: string | undefined
  readonly version?: string | undefined
  readonly loader?: Loader | undefined
  readonly rootMode?: RootMode | undefined
  readonly transport?: Transport | undefined
  /** Kernel arguments, one each. */
  readonly arguments?: readonly string[] | undefined
  /** The overlay's upper, as tmpfs takes it: `50%`, `2g`. */
  readonly overlaySize?: string | undefined
  /** Raw DHCP options, code to value (hex). */
  readonly dhcpOptions?: Readonly<Record<string, string>> | undefined
}

export interface Group extends BootSettings {
  readonly name: string
}

export interface Host extends BootSettings {
  readonly name: string
  readonly mac: Mac
  readonly group: string | undefined
  /** A reservation: the address that this MAC always gets. */
  readonly address: Ipv4 | undefined
}

/** Bytes named by digest. */
export interface Blob {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string
  readonly sizeBytes: number
}

/** One immutable build of an image. */
export interface Version {
  readonly image: string
  readonly version: string
  /** Digest of the manifest itself. */
  readonly digest: string
  readonly kernel: Blob
  readonly initrd: Blob
  /** Bottom first. */
  readonly layers: readonly Blob[]
  readonly arguments: readonly string[]
  readonly notes: string
  /** RFC 3339. */
  readonly publishedAt: string
}

export type RefusalCode =
  | 'NO_IMAGE_ASSIGNED'
  | 'IMAGE_NOT_FOUND'
  | 'CHANNEL_NOT_FOUND'
  | 'VERSION_NOT_FOUND'
  | 'GROUP_NOT_FOUND'
  | 'ARCH_NOT_SUPPORTED'
  | 'ARGUMENT_NOT_POSSIBLE'

/** The resolved answer for one client now. */
export type BootPlan = ImagePlan | LocalPlan | RefusedPlan

export interface ImagePlan {
  readonly kind: 'image'
  readonly host: Host | undefined
  readonly group: Group | undefined
  readonly version: Version
  /** Undefined when the version is pinned. */
  readonly channel: string | undefined
  readonly loader: KernelLoader
  readonly rootMode: RootMode
  readonly transport: Transport
  readonly overlaySize: string | undefined
  /** The version's, the group's and the host's, in this order. */
  readonly arguments: readonly string[]
}

export interface LocalPlan {
  readonly kind: 'local'
  readonly host: Host | undefined
  readonly group: Group | undefined
  readonly loader: KernelLoader
}

/** Nothing to boot, and a sentence for the client's screen that says why. */
export interface RefusedPlan {
  readonly kind: 'refused'
  readonly host: Host | undefined
  readonly group: Group | undefined
  readonly loader: KernelLoader
  readonly code: RefusalCode
  readonly message: string
}

/** What is known of machines, in memory: the store's answers as planFor takes them. */
export interface Inventory {
  host(mac: Mac): Host | undefined
  group(name: string): Group | undefined
}

/** What is known of images, in memory. */
export interface Images {
  /** Absence is a value: which of the three was not there. */
  resolve(
    image: string,
    ref: { readonly channel: string } | { readonly version: string }
  ): Version | 'IMAGE_NOT_FOUND' | 'CHANNEL_NOT_FOUND' | 'VERSION_NOT_FOUND'
}

/** One attempt by one client, from its first packet to a running system. */
export interface Boot {
  readonly id: string
  readonly mac: Mac
  readonly address: Address | undefined
  readonly host: string | undefined
  readonly arch: Arch
  /** `booting` until the system checks in, `running` until the machine boots again or lets go of its lease. */
  readonly state: 'booting' | 'running' | 'failed' | 'ended'
  /** Undefined until the script was asked for, and for plans without an image. */
  readonly image: string | undefined
  readonly version: string | undefined
  readonly startedAt: number
  readonly updatedAt: number
}

/** The links of one boot, in their order; a repeat of an earlier one begins a new boot. */
export const STEPS = [
  'dhcp', // firmware has an address, or a ProxyDHCP answer
  'loader', // fetching the loader
  'ipxe-dhcp', // iPXE has its address
  'script', // the boot script was rendered and the version pinned
  'kernel',
  'initrd',
  'arguments', // from here on the initramfs checks in
  'network',
  'layers',
  'verify',
  'mount',
  'overlay',
  'handover',
  'up' // the booted system checks in
] as const
export type Step = (typeof STEPS)[number]

/** A thing that happened in a boot. */
export interface BootEvent {
  readonly bootId: string
  readonly mac: Mac
  /** ms since 1970. */
  readonly at: number
  readonly step: Step
  readonly outcome: 'started' | 'progress' | 'ok' | 'failed'
  /** One line in plain words; the end of the client's log may follow on further lines. */
  readonly detail: string
  readonly doneBytes: number | undefined
  readonly totalBytes: number | undefined
  /** How fast they come. */
  readonly bytesPerSecond: number | undefined
}

/** What serves the bytes of one name. TFTP and HTTP serve the same ones. */
export type Resource =
  | {
      readonly kind: 'file'
      readonly path: string
      readonly sizeBytes: number
      /** Present for blobs. */
      readonly digest: string | undefined
      readonly mediaType: string
      /** ms since 1970, stable for the same bytes. */
      readonly modifiedAt: number
    }
  | { readonly kind: 'text'; readonly body: Buffer; readonly mediaType: string }

export interface ResourceRequest {
  /** Without leading slash, as normalised by the protocol: no empty, `.` or `..` segment. */
  readonly name: string
  /** From an HTTP query string; TFTP has none. */
  readonly query: Readonly<Record<string, string>>
  readonly via: Transport
  readonly client: Address | undefined
  /** The address of ours that was asked: later URLs name it. */
  readonly server: Address | undefined
}

/** Undefined: there is no such name. Rejections are our own failures (a broken disk), never an absence. */
export type Resolve = (request: ResourceRequest) => Soon<Resource | undefined>

/** What a transport tells about one transfer, for the boot's timeline and the log. */
export interface TransferReport {
  readonly name: string
  readonly via: Transport
  readonly client: Address | undefined
  readonly outcome: 'started' | 'progress' | 'ok' | 'failed'
  readonly doneBytes: number
  readonly totalBytes: number
  /** In this transfer alone: one that goes on with an earlier one sends less than it will have done. */
  readonly sentBytes: number
  readonly durationMs: number
  /** Blocks sent again; undefined where the kernel sees to that. */
  readonly retransmissions?: number | undefined
  /** Nothing was ever heard of who asked: its address may be borrowed. */
  readonly unanswered?: boolean | undefined
  /** In words, when it failed. */
  readonly reason: string | undefined
}
