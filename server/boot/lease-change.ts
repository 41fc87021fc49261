// What becomes of a lease, told by DHCP of either family: the log names who got, kept and gave back which address.
import type { Mac } from '../net/mac.ts'

export interface LeaseChange {
  readonly what: 'assigned' | 'renewed' | 'released' | 'declined' | 'revoked'
  /** ms since 1970 */
  readonly until: number
  /** Another machine, which had the address before. */
  readonly formerMac: Mac | undefined
}

/** The latest lease of an address, which may be over. */
export interface LatestLease {
  readonly identity: Mac
  readonly isOver: boolean
}

/** @param until ms since 1970 */
export function grantTo(identity: Mac, before: LatestLease | undefined, until: number): LeaseChange {
  if (before === undefined) return { what: 'assigned', until, formerMac: undefined }
  if (before.identity !== identity) return { what: 'assigned', until, formerMac: before.identity }
  return { what: before.isOver ? 'assigned' : 'renewed', until, formerMac: undefined }
}
