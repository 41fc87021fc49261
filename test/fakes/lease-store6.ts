import type { Forgotten6, Lease6, LeaseStore6 } from '../../server/dhcp6/leases.ts'

/** Keeps leases in memory, and refuses to when it is told so. */
export class MemoryLeaseStore6 implements LeaseStore6 {
  readonly byAddress = new Map<string, Lease6>()
  refuses = false

  async load(): Promise<readonly Lease6[]> {
    return [...this.byAddress.values()]
  }

  async save(leases: readonly (Lease6 | Forgotten6)[]): Promise<void> {
    if (this.refuses) throw new Error('disk full')
    for (const lease of leases) {
      if (lease.state === 'forgotten') this.byAddress.delete(lease.address)
      else this.byAddress.set(lease.address, lease)
    }
  }
}
