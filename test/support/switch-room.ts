// A switch, br0, with us, another server and a client on it: how a server is tested beside somebody else's.
import type { Test } from 'tap'
import { ip, Namespace } from './netns.ts'

export interface SwitchRoom {
  readonly client: Namespace
  readonly other: Namespace
}

export interface RoomAddresses {
  /** With prefix length, and flags of ip-address(8) behind it: `fd00:77::1/64 nodad`. */
  readonly ours: string
  readonly others: string
  readonly clientMac: string
}

/** In our own network; the client and the other server have theirs, each with a card `eth0`. Gone with the test. */
export async function switchRoom(t: Test, { ours, others, clientMac }: RoomAddresses): Promise<SwitchRoom> {
  await ip('link add br0 type bridge')
  await ip(`address add dev br0 ${ours}`)
  await ip('link set br0 up')
  const client = await Namespace.create()
  const other = await Namespace.create()
  await client.cable('client0', 'eth0', clientMac)
  await other.cable('other0', 'eth0')
  t.teardown(async () => {
    // The kernel takes its time to end a namespace, and the next room's cables have the same names.
    for (const link of ['client0', 'other0', 'br0']) await ip(`link delete ${link}`)
    await Promise.all([client, other].map((namespace) => namespace[Symbol.asyncDispose]()))
  })
  await other.exec('ip', 'address', 'add', 'dev', 'eth0', ...others.split(' '))
  for (const port of ['client0', 'other0']) await ip(`link set ${port} master br0`)
  return { client, other }
}
