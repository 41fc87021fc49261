// A DHCP server for tests, and what it told.

import type { DhcpEvent } from '../../server/boot/journal.ts'
import { systemClock } from '../../server/clock.ts'
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

export async function dhcpServer(options: Partial<DhcpServerOptions>): Promise<TestServer> {
  const events: DhcpEvent[] = []
  const log = options.log ?? createLog({ level: 'silent', destination: process.stderr })
  const interfaces = await watchInterfaces({ clock: systemClock, log })
  const server = await startDhcpServer({
    config: configOf(),
    boot: answering(NO_BOOT),
    reservations: NO_RESERVATIONS,
    leases: new MemoryLeaseStore(),
    onEvent: (event) => events.push(event),
    clock: systemClock,
    log,
    interfaces,
    ...options
  })
  const close = async (): Promise<void> => {
    interfaces.close()
    await server.close()
  }
  return { server, events, [Symbol.asyncDispose]: close }
}
