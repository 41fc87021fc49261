// Numbers with names: DHCP options (RFC 2132 and later) and message types.

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
