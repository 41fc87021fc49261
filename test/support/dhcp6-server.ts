// A DHCPv6 server for tests, and what it told.
import type { DhcpEvent } from '../../server/boot/journal.ts'
import { systemClock } from '../../server/clock.ts'
import type { Lease6, LeaseStore6 } from '../../server/dhcp6/leases.ts'
import { type Dhcp6Server, type Dhcp6ServerOptions, startDhcp6Server } from '../../server/dhcp6/socket.ts'
import { createLog } from '../../server/log.ts'
import { linkedInterfaces } from '../../server/net/interfaces.ts'
import { MemoryLeaseStore6 } from '../fakes/lease-store6.ts'
import { answering, configOf, SERVER_ID } from './dhcp6-messages.ts'

export interface TestServer6 extends AsyncDisposable {
  readonly server: Dhcp6Server
  readonly events: readonly DhcpEvent[]
}

/** A store that can be read again. */
type KeptLeases = LeaseStore6 & { load(): Promise<readonly Lease6[]> }
type Options = Partial<Omit<Dhcp6ServerOptions, 'leases'>> & { readonly leases?: KeptLeases }

export async function dhcp6Server(options: Options): Promise<TestServer6> {
  const events: DhcpEvent[] = []
  const { leases = new MemoryLeaseStore6() } = options
  const defaults = {
    config: configOf(),
    boot: answering(undefined),
    leases,
    isKnownHost: () => false,
    serverId: SERVER_ID,
    interfaces: linkedInterfaces,
    routerAdvertiser: undefined,
    onEvent: (event: DhcpEvent) => events.push(event),
    clock: systemClock,
    log: createLog({ level: 'silent', destination: process.stderr })
  }
  const server = await startDhcp6Server({ ...defaults, ...options }, await leases.load())
  return { server, events, [Symbol.asyncDispose]: () => server.close() }
}
