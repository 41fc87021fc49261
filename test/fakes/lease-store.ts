import { open, readFile, rename } from 'node:fs/promises'
import type { Lease, LeaseStore } from '../../server/dhcp/leases.ts'

/** The store in good weather, in memory. `saves` counts commits. */
export class MemoryLeaseStore implements LeaseStore {
  readonly byAddress = new Map<number, Lease>()
  saves = 0

  async load(): Promise<readonly Lease[]> {
    return [...this.byAddress.values()]
  }

  async save(leases: readonly Lease[]): Promise<void> {
    this.saves += 1
    for (const lease of leases) this.byAddress.set(lease.address, lease)
  }

  async shift(ms: number): Promise<void> {
    for (const lease of this.byAddress.values()) {
      this.byAddress.set(lease.address, {
        ...lease,
        expiresAt: lease.expiresAt + ms,
        updatedAt: lease.updatedAt + ms
      })
    }
  }
}

/** One that survives the process: a JSON file, replaced and synced at every save. */
export class FileLeaseStore implements LeaseStore {
  readonly #path: string
  readonly #byAddress = new Map<number, Lease>()

  constructor(path: string) {
    this.#path = path
  }

  async load(): Promise<readonly Lease[]> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '[]'
      throw error
    })
    const leases: Lease[] = JSON.parse(text)
    for (const lease of leases) this.#byAddress.set(lease.address, lease)
    return leases
  }

  async save(leases: readonly Lease[]): Promise<void> {
    for (const lease of leases) this.#byAddress.set(lease.address, lease)
    const file = await open(`${this.#path}.new`, 'w')
    try {
      await file.writeFile(JSON.stringify([...this.#byAddress.values()]))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${this.#path}.new`, this.#path)
  }

  async shift(): Promise<void> {
    throw new Error('no test sets the clock of this one')
  }
}

/** Bad weather: every save is refused. */
export class BrokenLeaseStore implements LeaseStore {
  async load(): Promise<readonly Lease[]> {
    return []
  }

  async save(): Promise<void> {
    throw new Error('disk full')
  }

  async shift(): Promise<void> {
    throw new Error('disk full')
  }
}

/** A disk that never comes back. */
export class HangingLeaseStore implements LeaseStore {
  async load(): Promise<readonly Lease[]> {
    return []
  }

  save(): Promise<void> {
    return new Promise(() => {})
  }

  shift(): Promise<void> {
    return new Promise(() => {})
  }
}
