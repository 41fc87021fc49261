// A DHCP server for tests, and what it told.

import type { DhcpEvent } from '../../server/boot/journal.ts'
import { systemClock } from '../../server/clock.ts'
import type { Lease, LeaseStore } from '../../server/dhcp/leases.ts'
import { NO_RESERVATIONS } from '../../server/dhcp/settings.ts'
import { type DhcpServer, type DhcpServerOptions, startDhcpServer } from '../../server/dhcp/socket.ts'
import { createLog } from '../../server/log.ts'
import { watchInterfaces } from '../../server/net/interface-watch.ts'
import { MemoryLeaseStore } from '../fakes/lease-store.ts'
import { answering, configOf, NO_BOOT } from './dhcp-packets.ts'

export interface TestServer extends AsyncDisposable {
  readonly server: DhcpServer
  readonly events: readonly DhcpEvent[]
}

/** A store that can be read again. */
type KeptLeases = LeaseStore & { load(): Promise<readonly Lease[]> }
export type TestServerOptions = Partial<Omit<DhcpServerOptions, 'leases'>> & {
  readonly leases?: KeptLeases | undefined
}

export async function dhcpServer(options: TestServerOptions): Promise<TestServer> {
  const events: DhcpEvent[] = []
  const log = options.log ?? createLog({ level: 'silent', destination: process.stderr })
  const interfaces = await watchInterfaces({ clock: systemClock, log })
  const leases = 'leases' in options ? options.leases : new MemoryLeaseStore()
  const defaults = {
    config: configOf(),
    boot: answering(NO_BOOT),
    reservations: NO_RESERVATIONS,
    leases,
    onEvent: (event: DhcpEvent) => events.push(event),
    clock: systemClock,
    log,
    interfaces
  }
  const server = await startDhcpServer({ ...defaults, ...options }, (await leases?.load()) ?? [])
  const close = async (): Promise<void> => {
    interfaces.close()
    await server.close()
  }
  return { server, events, [Symbol.asyncDispose]: close }
}
