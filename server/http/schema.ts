// The shapes of the admin API: type, validator, serialiser and document at once.
import Type, { type TArrayOptions, type TSchema } from 'typebox'
import { LOADERS, ROOT_MODES, STEPS, TRANSPORTS } from '../boot/model.ts'
import { SCOPES } from '../state/tokens.ts'

const patternWords = new Map<string, string>()
/** What each pattern below asks for, for people. */
export const PATTERN_WORDS: ReadonlyMap<string, string> = patternWords

/** A string that must match `pattern`; `words` completes the sentence "the field …". */
function text(pattern: string, words: string) {
  patternWords.set(pattern, words)
  // TString's own type forgets its options.
  const options = { pattern, description: words }
  return Object.assign(Type.String(options), options)
}

/** What comes in and goes out is not changed in between. */
export function list<T extends TSchema>(items: T, options: TArrayOptions = {}) {
  return Type.Immutable(Type.Array(items, options))
}

/** No unknown field passes: a misspelt one must not look as if it had been taken. */
function strict<T extends Record<string, TSchema>>(properties: T) {
  return Type.Object(properties, { additionalProperties: false })
}

export const ImageName = text(
  '^[a-z][a-z0-9-]{0,62}$',
  'must be up to 63 lower-case letters, digits and hyphens, and begin with a letter'
)
export const GroupName = ImageName
export const VersionName = text(
  '^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$',
  'must be up to 64 letters, digits and any of . + ~ -, and begin with a letter or digit'
)
export const ChannelName = text(
  '^[a-z][a-z0-9-]{0,31}$',
  'must be up to 32 lower-case letters, digits and hyphens, and begin with a letter'
)
export const HostName = text(
  '^(?![0-9A-Fa-f]([-]?[0-9A-Fa-f]){11}$)[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?$',
  'must be a DNS label (up to 63 letters, digits and hyphens, no hyphen first or last) and not a MAC'
)
export const MacAddress = text(
  '^[0-9A-Fa-f]([:.-]?[0-9A-Fa-f]){11}$',
  'must be a MAC: twelve hex digits, with colons, hyphens, dots or nothing between them'
)
const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
export const Ipv4Address = text(`^${OCTET}(\\.${OCTET}){3}$`, 'must be an IPv4 address like 10.0.0.12')
const IpAddress = Type.Union([Ipv4Address, Type.String({ format: 'ipv6' })], { description: 'IPv4 or IPv6' })
export const KernelArgument = text(
  '^[!-~]([ -~]{0,1022}[!-~])?$',
  'must be one kernel argument: up to 1024 printable ASCII characters, no space first or last'
)
const OverlaySize = text('^[1-9][0-9]*[%kKmMgG]?$', 'must be a size as tmpfs takes it, like 50% or 2g')
const OPTION_CODE = '^([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-4])$'
const OptionValue = text('^([0-9A-Fa-f]{2}){1,255}$', 'must be 1 to 255 bytes in hex')
/** The lease time and the two moments of renewal (RFC 2132 §9.2, §9.11, §9.12): u32, or a client drops the reply. */
const Seconds = text('^[0-9A-Fa-f]{8}$', 'must be four bytes in hex: a number of seconds')
patternWords.set(OPTION_CODE, 'must be the code of a DHCP option, 1 to 254')

export const Moment = Type.String({ format: 'date-time' })
const Millis = Type.Integer({ description: 'ms since 1970' })

const settings = {
  boot: Type.Optional(Type.Enum(['image', 'local'], { description: '`local` leaves the machine to its own disk' })),
  image: Type.Optional(ImageName),
  channel: Type.Optional(ChannelName),
  version: Type.Optional(VersionName),
  loader: Type.Optional(Type.Enum([...LOADERS])),
  rootMode: Type.Optional(Type.Enum([...ROOT_MODES])),
  transport: Type.Optional(Type.Enum([...TRANSPORTS])),
  arguments: Type.Optional(list(KernelArgument, { maxItems: 64 })),
  overlaySize: Type.Optional(OverlaySize),
  dhcpOptions: Type.Optional(
    Type.Record(Type.String({ pattern: OPTION_CODE }), OptionValue, {
      additionalProperties: false,
      properties: { '51': Seconds, '58': Seconds, '59': Seconds },
      description: 'Raw DHCP options: code to value in hex'
    })
  )
}

export const GroupSchema = strict({ name: GroupName, ...settings })
export const HostSchema = strict({
  name: HostName,
  mac: MacAddress,
  group: Type.Optional(GroupName),
  address: Type.Optional(Ipv4Address),
  ...settings
})

const BlobSchema = Type.Object({ digest: Type.String(), sizeBytes: Type.Integer() })
export const VersionSchema = Type.Object({
  image: ImageName,
  version: VersionName,
  digest: Type.String(),
  kernel: BlobSchema,
  initrd: BlobSchema,
  layers: list(BlobSchema, { description: 'Bottom first' }),
  arguments: list(Type.String()),
  notes: Type.String(),
  publishedAt: Moment,
  warnings: list(Type.String(), { description: 'What looks as if it would not boot, in plain words' })
})

export const ChannelSchema = Type.Object({
  image: ImageName,
  channel: ChannelName,
  version: VersionName,
  movedAt: Moment
})
export const ChannelMoveSchema = Type.Object({
  kind: Type.Enum(['move', 'rollback', 'remove']),
  from: Type.Optional(VersionName),
  to: Type.Optional(VersionName),
  actor: Type.String(),
  at: Moment
})
export const ImageSchema = Type.Object({
  name: ImageName,
  versions: list(VersionName, { description: 'Newest first' }),
  channels: list(ChannelSchema)
})

export const BootSchema = Type.Object({
  id: Type.String(),
  mac: MacAddress,
  address: Type.Optional(IpAddress),
  host: Type.Optional(Type.String()),
  arch: Type.String(),
  state: Type.Enum(['booting', 'running', 'failed', 'ended']),
  image: Type.Optional(Type.String()),
  version: Type.Optional(Type.String()),
  startedAt: Millis,
  updatedAt: Millis
})
export const BootEventSchema = Type.Object({
  bootId: Type.String(),
  mac: MacAddress,
  at: Millis,
  step: Type.Enum([...STEPS]),
  outcome: Type.Enum(['started', 'progress', 'ok', 'failed']),
  detail: Type.String(),
  doneBytes: Type.Optional(Type.Integer()),
  totalBytes: Type.Optional(Type.Integer()),
  bytesPerSecond: Type.Optional(Type.Integer())
})

export const LeaseSchema = Type.Object({
  address: Ipv4Address,
  mac: Type.String({ description: 'A MAC, or what identifies hardware without one' }),
  clientId: Type.Optional(Type.String()),
  hostname: Type.Optional(Type.String()),
  state: Type.Enum(['bound', 'declined', 'released']),
  expiresAt: Millis,
  updatedAt: Millis,
  pool: Type.String()
})

export const TokenName = text(
  '^[0-9A-Za-z]([0-9A-Za-z ._@-]{0,62}[0-9A-Za-z])?$',
  'must be up to 64 letters, digits, spaces and any of . _ @ -'
)
export const NewTokenSchema = strict({ name: TokenName, scope: Type.Enum([...SCOPES]) })
export const TokenSchema = Type.Object({
  id: Type.String(),
  name: Type.String(),
  scope: Type.Enum([...SCOPES]),
  createdAt: Moment,
  lastUsedAt: Type.Optional(Moment)
})
export const CreatedTokenSchema = Type.Object({
  ...TokenSchema.properties,
  token: Type.String({ description: 'The secret. It is not shown again' })
})

export const AuditEntrySchema = Type.Object({
  id: Type.Integer(),
  at: Moment,
  actor: Type.String(),
  action: Type.String(),
  target: Type.String(),
  details: Type.Record(Type.String(), Type.Unknown())
})
