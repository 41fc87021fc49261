// Another card of the boot server's, with a switch of its own.
import { ip } from '../../support/netns.ts'

/**
 * It comes while the daemon runs, as cards do.
 *
 * @param name of the card
 * @param address with its prefix length
 * @param tap of the client that is to be behind it, and no longer behind the rig's own
 */
export async function addCard(name: string, address: string, tap: string): Promise<void> {
  const [bridge, cable] = [`${name}-switch`, `${name}-cable`]
  await ip(`link add ${bridge} type bridge forward_delay 0 stp_state 0`)
  // As in the lab's network: a bridge is a card as well, and would answer for the other one's address.
  await ip(`link set ${bridge} arp off up`)
  await ip(`link add ${name} type veth peer name ${cable}`)
  await ip(`link set ${cable} master ${bridge} up`)
  await ip(`link set ${tap} master ${bridge}`)
  await ip(`address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`)
  await ip(`link set ${name} up`)
}
