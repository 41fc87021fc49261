// What can be said of a host and of a group alike, as options.
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Static } from 'typebox'
import { LOADERS, ROOT_MODES, TRANSPORTS } from '../boot/model.ts'
import type { GroupSchema } from '../http/schema.ts'
import { collect } from './context.ts'

type Group = Static<typeof GroupSchema>
export type Settings = Omit<Group, 'name'>

export interface SettingsOptions {
  readonly boot?: 'image' | 'local'
  readonly image?: string
  readonly channel?: string
  readonly version?: string
  readonly loader?: (typeof LOADERS)[number]
  readonly rootMode?: (typeof ROOT_MODES)[number]
  readonly transport?: (typeof TRANSPORTS)[number]
  readonly argument?: readonly string[]
  readonly overlaySize?: string
  readonly dhcpOption?: Readonly<Record<string, string>>
}

export function settingsOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--boot <what>', 'boot an image, or leave the machine to its own disk').choices(['image', 'local'])
    )
    .option('--image <name>', 'the image')
    .addOption(new Option('--channel <name>', 'follow this channel of it').conflicts('version'))
    .option('--version <version>', 'stay on this version of it')
    .addOption(new Option('--loader <loader>', 'the network boot program').choices(LOADERS))
    .addOption(new Option('--root-mode <mode>', 'how the root is got').choices(ROOT_MODES))
    .addOption(new Option('--transport <protocol>', 'what carries the root').choices(TRANSPORTS))
    .option('--argument <argument>', 'a kernel argument (repeatable)', collect)
    .option('--overlay-size <size>', 'the writable layer, as tmpfs takes it: 50%, 2g')
    .option('--dhcp-option <code=hex>', 'a raw DHCP option (repeatable)', collectDhcpOption)
}

/** Only what was given. */
export function givenSettings(options: SettingsOptions): Settings {
  const { argument, dhcpOption, boot, image, channel, version, loader, rootMode, transport, overlaySize } = options
  return {
    ...(boot && { boot }),
    ...(image && { image }),
    ...(channel && { channel }),
    ...(version && { version }),
    ...(loader && { loader }),
    ...(rootMode && { rootMode }),
    ...(transport && { transport }),
    ...(argument && { arguments: [...argument] }),
    ...(overlaySize && { overlaySize }),
    ...(dhcpOption && { dhcpOptions: { ...dhcpOption } })
  }
}

/** The flags of --unset, and the fields that they take away. */
const UNSETTABLE: Readonly<Record<string, string>> = {
  boot: 'boot',
  image: 'image',
  channel: 'channel',
  version: 'version',
  loader: 'loader',
  'root-mode': 'rootMode',
  transport: 'transport',
  arguments: 'arguments',
  'overlay-size': 'overlaySize',
  'dhcp-options': 'dhcpOptions',
  group: 'group',
  address: 'address'
}

export function unsetOption(): Option {
  return new Option('--unset <field...>', 'forget what was said of a field').choices(Object.keys(UNSETTABLE))
}

/** `current` without the unset fields, and with the given ones in their places. A new channel ends a pin, and the other way round. */
export function changed<T extends Settings>(current: T, given: Partial<T>, unset: readonly string[] = []): T {
  const gone = new Set(unset.map((flag) => UNSETTABLE[flag]))
  if (given.channel !== undefined) gone.add('version')
  if (given.version !== undefined) gone.add('channel')
  const kept = Object.fromEntries(Object.entries(current).filter(([field]) => !gone.has(field)))
  // What was filtered out is optional in every T: UNSETTABLE names no other field.
  return { ...kept, ...given } as T
}

/** What a machine boots, in a few words for a table. */
export function describeBoot({ boot, image, channel, version }: Settings): string | undefined {
  if (boot === 'local') return 'local disk'
  if (image === undefined) return undefined
  return [image, version ?? channel].filter((part) => part !== undefined).join(version === undefined ? ':' : '@')
}

export function settingsFields(settings: Settings): Record<string, string | undefined> {
  const { dhcpOptions, loader, rootMode, transport, overlaySize } = settings
  return {
    boots: describeBoot(settings),
    loader,
    'root mode': rootMode,
    transport,
    arguments: settings.arguments?.join(' '),
    'overlay size': overlaySize,
    'dhcp options':
      dhcpOptions &&
      Object.entries(dhcpOptions)
        .map(([code, hex]) => `${code}=${hex}`)
        .join(' ')
  }
}

function collectDhcpOption(value: string, earlier: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, code, hex] = /^(\d{1,3})=((?:[0-9A-Fa-f]{2})+)$/.exec(value) ?? []
  if (code === undefined || hex === undefined) throw new InvalidArgumentError('must look like 42=c0a84d01')
  return { ...earlier, [code]: hex }
}
