// Which settings a machine boots by: its host's word, then its group's, then the default group's.
import type { BootSettings, Client, Group, Host, Inventory, Loader, RootMode, Transport } from './model.ts'

export const DEFAULT_CHANNEL = 'stable'

/** How machines are treated that nobody has entered. */
export interface UnknownMachineRules {
  readonly unknownMachines: 'default-group' | 'local'
  readonly defaultGroup: string
}

export type ImageRef = { readonly channel: string } | { readonly version: string }

/** Who a machine is, and where it belongs. */
export interface Membership {
  readonly host: Host | undefined
  readonly group: Group | undefined
  /** A group that the host names and that does not exist. */
  readonly missingGroup: string | undefined
}

/** What host and group say together. */
export interface Selection extends Membership {
  readonly boot: 'image' | 'local'
  readonly image: string | undefined
  readonly ref: ImageRef
  /** Undefined when nobody chose one. */
  readonly loader: Loader | undefined
  readonly rootMode: RootMode
  readonly transport: Transport
  readonly overlaySize: string | undefined
  /** The group's, then the host's. */
  readonly arguments: readonly string[]
}

/** Machines that nobody has entered may be kept out of the default group: they boot from their own disks. */
export function membershipOf(
  { mac }: Pick<Client, 'mac'>,
  inventory: Inventory,
  rules: UnknownMachineRules
): Membership {
  const host = mac === undefined ? undefined : inventory.host(mac)
  if (host === undefined && rules.unknownMachines === 'local') return KEPT_OUT
  const groupName = host?.group ?? rules.defaultGroup
  const group = inventory.group(groupName)
  const missingGroup = host?.group !== undefined && group === undefined ? groupName : undefined
  return { host, group, missingGroup }
}

const KEPT_OUT: Membership = { host: undefined, group: undefined, missingGroup: undefined }

export function select(client: Pick<Client, 'mac'>, inventory: Inventory, rules: UnknownMachineRules): Selection {
  const membership = membershipOf(client, inventory, rules)
  return membership === KEPT_OUT ? { ...merge(KEPT_OUT), boot: 'local' } : merge(membership)
}

function merge({ host, group, missingGroup }: Membership): Selection {
  return {
    host,
    group,
    missingGroup,
    boot: bootOf(host) ?? group?.boot ?? 'image',
    image: host?.image ?? group?.image,
    ref: refOf(host, group),
    loader: host?.loader ?? group?.loader,
    rootMode: host?.rootMode ?? group?.rootMode ?? 'ram',
    transport: host?.transport ?? group?.transport ?? 'http',
    overlaySize: host?.overlaySize ?? group?.overlaySize,
    arguments: [...(group?.arguments ?? []), ...(host?.arguments ?? [])]
  }
}

/** A host that names an image means to boot it, even in a group that boots locally. */
function bootOf(host: BootSettings | undefined): BootSettings['boot'] {
  const namesImage = host !== undefined && (host.image ?? ownRef(host)) !== undefined
  return host?.boot ?? (namesImage ? 'image' : undefined)
}

function refOf(host: BootSettings | undefined, group: BootSettings | undefined): ImageRef {
  const stable = { channel: DEFAULT_CHANNEL }
  // The group's channel is a channel of the group's image: it says nothing about another one.
  const otherImage = host?.image !== undefined && host.image !== group?.image
  return ownRef(host) ?? (otherImage ? stable : (ownRef(group) ?? stable))
}

function ownRef(settings: BootSettings | undefined): ImageRef | undefined {
  if (settings?.version !== undefined) return { version: settings.version }
  return settings?.channel === undefined ? undefined : { channel: settings.channel }
}
