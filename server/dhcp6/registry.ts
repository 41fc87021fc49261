// Numbers with names: messages, options and status codes of DHCPv6 (RFC 8415 §7.3, §21, and what is named beside).

export const MESSAGE = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  informationRequest: 11,
  relayForward: 12,
  relayReply: 13
} as const

export const OPTION = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaAddress: 5,
  optionRequest: 6,
  preference: 7,
  relayMessage: 9,
  statusCode: 13,
  userClass: 15,
  vendorClass: 16,
  interfaceId: 18,
  dns: 23, // RFC 3646
  remoteId: 37, // RFC 4649
  bootfileUrl: 59, // RFC 5970
  bootfileParameters: 60, // RFC 5970
  arch: 61, // RFC 5970
  networkInterface: 62, // RFC 5970
  clientLinkLayerAddress: 79 // RFC 6939
} as const

export const STATUS = {
  success: 0,
  noAddressesAvailable: 2,
  noBinding: 3,
  notOnLink: 4
} as const

/** Intel's, under which UEFI says `PXEClient` or `HTTPClient` (UEFI 2.10 §24.3.1, §24.7.3). */
export const PXE_ENTERPRISE = 343
