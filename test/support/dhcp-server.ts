// A DHCP server for tests, and what it told.

import { type DhcpEvent } from '../../server/boot/journal.ts'
import { systemClock } from '../../server/clock.ts'
import { NO_RESERVATIONS } from '../../server/dhcp/settings.ts'
import { type DhcpServer, type DhcpServerOptions, startDhcpServer } from '../../server/dhcp/socket.ts'
import { createLog } from '../../server/log.ts'
import { MemoryLeaseStore } from '../fakes/lease-store.ts'
import { answering, configOf, NO_BOOT } from './dhcp-packets.ts'

export interface TestServer extends AsyncDisposable {
  readonly server: DhcpServer
  readonly events: readonly DhcpEvent[]
}

export async function dhcpServer(options: Partial<DhcpServerOptions>): Promise<TestServer> {
  const events: DhcpEvent[] = []
  const server = await startDhcpServer({
    config: configOf(),
    boot: answering(NO_BOOT),
    reservations: NO_RESERVATIONS,
    leases: new MemoryLeaseStore(),
    onEvent: (event) => events.push(event),
    clock: systemClock,
    log: createLog({ level: 'silent', destination: process.stderr }),
    ...options
  })
  return { server, events, [Symbol.asyncDispose]: () => server.close() }
}
