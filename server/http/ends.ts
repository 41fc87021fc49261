// The two ends of a connection, as its socket says: read once, for they do not change.
import { type Address, parseAddress } from '../net/address.ts'

export interface End {
  /** As the socket writes it; undefined when the connection is broken. */
  readonly text: string | undefined
  readonly address: Address | undefined
}

/** A socket, for what it says. */
interface Named {
  readonly remoteAddress?: string | undefined
  readonly localAddress?: string | undefined
}

export interface Ends {
  readonly client: End
  readonly server: End
}

export function endsOf({ remoteAddress, localAddress }: Named): Ends {
  return { client: endOf(remoteAddress), server: endOf(localAddress) }
}

export function endOf(text: string | undefined): End {
  return { text, address: text === undefined ? undefined : parseAddress(text) }
}
