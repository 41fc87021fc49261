// The network cards as they come, change and go. Both DHCP and TFTP follow them from here.
//
// Node's own list has only cards with a link, and nothing tells of changes. So the kernel is asked over rtnetlink; where
// native code cannot be loaded, Node's list is read again every other second.
import { isDeepStrictEqual } from 'node:util'
import type { Clock, Timer } from '../clock.ts'
import type { Log } from '../log.ts'
import { linkedInterfaces, type NetworkInterface } from './interfaces.ts'
import { dumpRequest, InterfaceDump } from './rtnetlink.ts'

export interface InterfaceWatch {
  /** As they were at the last look, at most one or two seconds ago. In the kernel's order. */
  readonly current: readonly NetworkInterface[]
  /** Calls after each change, not now. Gives back how to stop that. */
  onChange(listener: (now: readonly NetworkInterface[]) => void): () => void
  close(): void
}

export interface WatchOptions {
  readonly clock: Clock
  readonly log: Log
  /** Default: the kernel over rtnetlink, else Node's list. */
  readonly source?: InterfaceSource | undefined
}

export interface InterfaceSource {
  readonly everyMs: number
  /** False when nothing changed since it was asked last; cheap. */
  mayHaveChanged(): boolean
  read(): readonly NetworkInterface[]
  close(): void
}

/** The first look has been taken when this resolves. */
export async function watchInterfaces({ clock, log, source }: WatchOptions): Promise<InterfaceWatch> {
  return new Watch(source ?? (await loadKernelSource()) ?? NODES_LIST, clock, log)
}

class Watch implements InterfaceWatch {
  current: readonly NetworkInterface[]
  readonly #source: InterfaceSource
  readonly #clock: Clock
  readonly #log: Log
  readonly #listeners = new Set<(now: readonly NetworkInterface[]) => void>()
  #timer: Timer
  #isStale = false

  constructor(source: InterfaceSource, clock: Clock, log: Log) {
    this.#source = source
    this.#clock = clock
    this.#log = log
    this.current = source.read()
    this.#timer = clock.after(source.everyMs, () => this.#look())
  }

  onChange(listener: (now: readonly NetworkInterface[]) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    this.#timer.cancel()
    this.#source.close()
  }

  #look(): void {
    this.#timer = this.#clock.after(this.#source.everyMs, () => this.#look())
    try {
      this.#isStale ||= this.#source.mayHaveChanged()
      if (!this.#isStale) return
      const now = this.#source.read()
      this.#isStale = false
      if (isDeepStrictEqual(now, this.current)) return
      this.current = now
    } catch (error) {
      this.#log.debug({ err: error }, 'the network interfaces could not be read; trying again')
      return
    }
    for (const listener of this.#listeners) listener(this.current)
  }
}

const NODES_LIST: InterfaceSource = {
  everyMs: 2000,
  mayHaveChanged: () => true,
  read: linkedInterfaces,
  close: () => {}
}

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const NETLINK_ROUTE = 0
/** RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR */
const GROUPS = 0x1 | 0x10 | 0x100
/** The kernel fills no more than this at a time. */
const DATAGRAM_BYTES = 32 * 1024
const ATTEMPTS = 5

/** Undefined on another system than Linux, without native code, or where netlink is forbidden. */
async function loadKernelSource(): Promise<InterfaceSource | undefined> {
  if (process.platform !== 'linux') return undefined
  try {
    const { default: koffi } = await import('koffi')
    const libc = koffi.load(null)
    const socket = libc.func('int socket(int, int, int)')
    const bind = libc.func('int bind(int, const uint8_t *, uint32_t)')
    const send = libc.func('intptr_t send(int, const uint8_t *, size_t, int)')
    const recv = libc.func('intptr_t recv(int, _Out_ uint8_t *, size_t, int)')
    const close = libc.func('int close(int)')

    /** @param groups what the socket is to hear of, as a bit set. */
    const open = (groups: number): number => {
      const fd: number = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE)
      if (fd < 0) throw new Error(`netlink socket: errno ${koffi.errno()}`)
      const name = new Uint8Array(Uint32Array.of(0, 0, groups).buffer)
      new Uint16Array(name.buffer)[0] = AF_NETLINK
      if (bind(fd, name, name.length) === 0) return fd
      close(fd)
      throw new Error(`netlink bind: errno ${koffi.errno()}`)
    }

    const dump = (fd: number, buffer: Uint8Array): InterfaceDump => {
      const result = new InterfaceDump()
      for (const what of ['links', 'addresses'] as const) {
        const request = dumpRequest(what)
        if (send(fd, request, request.length, 0) < 0) throw new Error(`netlink: errno ${koffi.errno()}`)
        for (let ended = false; !ended; ) {
          const length: number = recv(fd, buffer, buffer.length, 0)
          if (length <= 0) throw new Error(`netlink: errno ${koffi.errno()}`)
          ended = result.take(buffer.subarray(0, length))
        }
      }
      return result
    }

    const news = open(GROUPS)
    const newsBuffer = new Uint8Array(1)
    const source: InterfaceSource = {
      everyMs: 500,
      mayHaveChanged() {
        // What it says is read again from the start anyway, so only that it says something matters. When the kernel has
        // more to say than it has room for, that is ENOBUFS.
        let heard = false
        while (recv(news, newsBuffer, newsBuffer.length, 0) > 0 || koffi.errno() === koffi.os.errno.ENOBUFS)
          heard = true
        return heard
      },
      read() {
        const fd = open(0)
        try {
          const buffer = new Uint8Array(DATAGRAM_BYTES)
          let result = dump(fd, buffer)
          for (let i = 1; result.interrupted && i < ATTEMPTS; i += 1) result = dump(fd, buffer)
          return result.interfaces
        } finally {
          close(fd)
        }
      },
      close: () => void close(news)
    }
    source.read()
    return source
  } catch {
    return undefined
  }
}
