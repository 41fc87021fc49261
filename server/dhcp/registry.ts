// Numbers with names: DHCP options (RFC 2132 and later), message types, and processor architectures (IANA, option 93).
import { type Arch } from '../boot/model.ts'

export const OPTION = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  dns: 6,
  hostname: 12,
  domain: 15,
  rootPath: 17,
  mtu: 26,
  broadcastAddress: 28,
  ntp: 42,
  vendorSpecific: 43,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverId: 54,
  parameterList: 55,
  message: 56,
  maxMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientId: 61,
  tftpServer: 66,
  bootfile: 67,
  userClass: 77,
  relayAgent: 82,
  arch: 93,
  networkInterface: 94,
  clientUuid: 97,
  subnetSelection: 118,
  classlessRoutes: 121,
  ipxe: 175,
  pxelinuxMagic: 208,
  pxelinuxConfigFile: 209,
  pxelinuxPathPrefix: 210,
  pxelinuxRebootTime: 211,
  kernelLine: 224,
  end: 255
} as const

/** Option 53 (RFC 2132 §9.6). */
export const MESSAGE_TYPE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8
} as const

/** Sub-options of option 82. */
export const RELAY_AGENT = {
  circuitId: 1,
  remoteId: 2,
  linkSelection: 5, // RFC 3527
  flags: 10, // RFC 5010
  serverIdOverride: 11, // RFC 5107
  sourcePort: 19 // RFC 8357
} as const

/** Sub-options of option 43 in PXE (Intel PXE 2.1 §2.2.3, RFC 4578). */
export const PXE = {
  discoveryControl: 6,
  bootMenu: 9,
  menuPrompt: 10,
  bootItem: 71,
  end: 255
} as const

/** Sub-options of option 175 in iPXE. */
export const IPXE = {
  /** 1: do not wait for ProxyDHCP offers. */
  noProxyDhcp: 0xb0
} as const

/** Bit 3 of PXE discovery control: take the bootfile of this very offer. */
export const USE_BOOTFILE = 8

export interface ArchCode {
  readonly name: string
  readonly arch: Arch
  /** UEFI HTTP boot: the client wants a URL. */
  readonly http: boolean
}

const pxe = (name: string, arch: Arch): ArchCode => ({ name, arch, http: false })
const http = (name: string, arch: Arch): ArchCode => ({ name, arch, http: true })

/** Processor architecture types; what we have no loader for is `unknown`, with its name for the log. */
export const ARCH_CODES: ReadonlyMap<number, ArchCode> = new Map([
  [0, pxe('x86 BIOS', 'x86-bios')],
  [1, pxe('NEC PC98', 'unknown')],
  [2, pxe('Itanium', 'unknown')],
  [3, pxe('DEC Alpha', 'unknown')],
  [4, pxe('Arc x86', 'unknown')],
  [5, pxe('Intel Lean Client', 'unknown')],
  [6, pxe('x86 UEFI', 'x86-uefi')],
  [7, pxe('x64 UEFI', 'x64-uefi')],
  [8, pxe('Xscale UEFI', 'unknown')],
  [9, pxe('EBC', 'x64-uefi')], // many older x64 boards say this
  [10, pxe('ARM32 UEFI', 'arm32-uefi')],
  [11, pxe('ARM64 UEFI', 'arm64-uefi')],
  [12, pxe('PowerPC Open Firmware', 'unknown')],
  [13, pxe('PowerPC ePAPR', 'unknown')],
  [14, pxe('POWER OPAL', 'unknown')],
  [15, http('x86 UEFI HTTP', 'x86-uefi')],
  [16, http('x64 UEFI HTTP', 'x64-uefi')],
  [17, http('EBC HTTP', 'x64-uefi')],
  [18, http('ARM32 UEFI HTTP', 'arm32-uefi')],
  [19, http('ARM64 UEFI HTTP', 'arm64-uefi')],
  [20, http('x86 BIOS HTTP', 'x86-bios')],
  [21, pxe('ARM32 U-Boot', 'u-boot')],
  [22, pxe('ARM64 U-Boot', 'u-boot')],
  [23, http('ARM32 U-Boot HTTP', 'unknown')],
  [24, http('ARM64 U-Boot HTTP', 'unknown')],
  [25, pxe('RISC-V 32 UEFI', 'unknown')],
  [26, http('RISC-V 32 UEFI HTTP', 'unknown')],
  [27, pxe('RISC-V 64 UEFI', 'unknown')],
  [28, http('RISC-V 64 UEFI HTTP', 'unknown')],
  [29, pxe('RISC-V 128 UEFI', 'unknown')],
  [30, http('RISC-V 128 UEFI HTTP', 'unknown')],
  [31, pxe('s390 basic', 'unknown')],
  [32, pxe('s390 extended', 'unknown')],
  [33, pxe('MIPS 32 UEFI', 'unknown')],
  [34, pxe('MIPS 64 UEFI', 'unknown')],
  [35, pxe('Sunway 32 UEFI', 'unknown')],
  [36, pxe('Sunway 64 UEFI', 'unknown')],
  [37, pxe('LoongArch 32 UEFI', 'unknown')],
  [38, http('LoongArch 32 UEFI HTTP', 'unknown')],
  [39, pxe('LoongArch 64 UEFI', 'unknown')],
  [40, http('LoongArch 64 UEFI HTTP', 'unknown')],
  [41, pxe('ARM rpiboot', 'raspberry-pi')]
])
