// A listener on each of several local addresses, which follows those that come and go.
import type { Log } from '../log.ts'
import type { InterfaceWatch } from './interface-watch.ts'
import { isWildcard, type LocalAddress, localAddresses, type NetworkInterface } from './interfaces.ts'

export interface Listening {
  readonly port: number
  close(): Promise<void>
}

export interface ListenersOptions<T extends Listening> {
  /** Literals; `0.0.0.0` and `::` mean each address that the machine has, also those that come later. */
  readonly addresses: readonly string[]
  /** 0: the kernel picks one for the first address, and the others use the same. */
  readonly port: number
  readonly interfaces: Pick<InterfaceWatch, 'current' | 'onChange'>
  readonly open: (local: LocalAddress, port: number) => Promise<T>
  readonly log: Log
}

/** Rejects when one of the addresses can't be listened on; then none is. */
export async function openListeners<T extends Listening>(options: ListenersOptions<T>): Promise<Listeners<T>> {
  const listeners = new Listeners(options)
  await listeners.start()
  return listeners
}

export class Listeners<T extends Listening> {
  readonly #options: ListenersOptions<T>
  readonly #open = new Map<string, { readonly local: LocalAddress; readonly listener: T }>()
  #port: number
  #unsubscribe: () => void = () => undefined
  #following: Promise<void> = Promise.resolve()
  #closing = false

  constructor(options: ListenersOptions<T>) {
    this.#options = options
    this.#port = options.port
  }

  get port(): number {
    return this.#port
  }

  get all(): readonly T[] {
    return [...this.#open.values()].map(({ listener }) => listener)
  }

  async start(): Promise<void> {
    const { addresses, interfaces } = this.#options
    try {
      for (const local of localAddresses(addresses, interfaces.current)) await this.#join(local)
    } catch (error) {
      await this.close()
      throw error
    }
    if (!addresses.some(isWildcard)) return
    const follow = (cards: readonly NetworkInterface[]) => {
      this.#following = this.#following.then(() => this.#follow(cards))
    }
    this.#unsubscribe = interfaces.onChange(follow)
    follow(interfaces.current) // what has changed meanwhile
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#unsubscribe()
    await this.#following
    const open = this.all
    this.#open.clear()
    await Promise.all(open.map((listener) => listener.close()))
  }

  async #follow(cards: readonly NetworkInterface[]): Promise<void> {
    const { addresses, log } = this.#options
    const wanted = new Map(localAddresses(addresses, cards).map((local) => [local.address, local]))
    for (const [address, { local, listener }] of this.#open) {
      // A card that has come back under its name is another one: a link-local socket would stay with the old one.
      if (this.#closing || wanted.get(address)?.card?.index === local.card?.index) continue
      this.#open.delete(address)
      await listener.close()
      log.info({ address }, 'no longer listening: the address has gone')
    }
    for (const [address, local] of wanted) {
      if (this.#closing || this.#open.has(address)) continue
      try {
        await this.#join(local)
        log.info({ address }, 'listening on a new address')
      } catch (error) {
        log.warn({ err: error, address }, 'cannot listen on a new address')
      }
    }
  }

  async #join(local: LocalAddress): Promise<void> {
    const listener = await this.#options.open(local, this.#port)
    this.#port = listener.port
    this.#open.set(local.address, { local, listener })
  }
}
