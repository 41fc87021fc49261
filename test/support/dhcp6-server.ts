// A DHCPv6 server for tests, and what it told.
import type { DhcpEvent } from '../../server/boot/journal.ts'
import { systemClock } from '../../server/clock.ts'
import { type Dhcp6Server, type Dhcp6ServerOptions, startDhcp6Server } from '../../server/dhcp6/socket.ts'
import { createLog } from '../../server/log.ts'
import { linkedInterfaces } from '../../server/net/interfaces.ts'
import { MemoryLeaseStore6 } from '../fakes/lease-store6.ts'
import { answering, configOf, SERVER_ID } from './dhcp6-messages.ts'

export interface TestServer6 extends AsyncDisposable {
  readonly server: Dhcp6Server
  readonly events: readonly DhcpEvent[]
}

export async function dhcp6Server(options: Partial<Dhcp6ServerOptions>): Promise<TestServer6> {
  const events: DhcpEvent[] = []
  const server = await startDhcp6Server({
    config: configOf(),
    boot: answering(undefined),
    leases: new MemoryLeaseStore6(),
    isKnownHost: () => false,
    serverId: SERVER_ID,
    interfaces: linkedInterfaces,
    routerAdvertiser: undefined,
    onEvent: (event) => events.push(event),
    clock: systemClock,
    log: createLog({ level: 'silent', destination: process.stderr }),
    ...options
  })
  return { server, events, [Symbol.asyncDispose]: () => server.close() }
}
