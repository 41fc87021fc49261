// What may stand in a recipe.
import Type, { type Static } from 'typebox'

const strict = { additionalProperties: false }
const PackageName = Type.String({ pattern: '^[a-z0-9][a-z0-9+.-]+$' })
const UnitName = Type.String({ pattern: '^[A-Za-z0-9:_.@-]+\\.(service|socket|timer|target|path|mount)$' })
const UserName = Type.String({ pattern: '^[a-z_][a-z0-9_-]{0,31}$' })
const AbsolutePath = Type.String({ pattern: '^/(?!.*(?:^|/)\\.\\.?(?:/|$))[^\\u0000\\n]+$' })
const Mode = Type.String({ pattern: '^0[0-7]{3,4}$' })

const FileSchema = Type.Object(
  {
    path: AbsolutePath,
    mode: Type.Optional(Mode),
    /** One of `text` and `source`: the content itself, or a file beside the recipe. */
    text: Type.Optional(Type.String()),
    source: Type.Optional(Type.String({ minLength: 1 }))
  },
  strict
)

const UserSchema = Type.Object(
  {
    name: UserName,
    fullName: Type.Optional(Type.String({ pattern: '^[^:\\n]*$' })),
    groups: Type.Optional(Type.Array(UserName)),
    shell: Type.Optional(AbsolutePath),
    /** As crypt(5) makes it; left out, nobody logs in with a password. */
    passwordHash: Type.Optional(Type.String({ pattern: '^\\$[A-Za-z0-9]+\\$[!-9;-~]+$' }))
  },
  strict
)

export const RecipeSchema = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }),
    description: Type.Optional(Type.String()),
    suite: Type.String({ pattern: '^[a-z][a-z0-9-]*$' }),
    mirror: Type.String({ pattern: '^https?://[^\\s]+$', default: 'http://deb.debian.org/debian' }),
    securityMirror: Type.String({ pattern: '^https?://[^\\s]+$', default: 'http://deb.debian.org/debian-security' }),
    components: Type.Array(Type.String({ pattern: '^[a-z][a-z-]*$' }), { minItems: 1, default: ['main'] }),
    kernel: PackageName,
    packages: Type.Array(PackageName, { default: [] }),
    /** Manual pages, translations and package documentation, which weigh a lot and are read seldom. */
    documentation: Type.Boolean({ default: false }),
    hostname: Type.String({ pattern: '^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$', default: 'debian' }),
    users: Type.Array(UserSchema, { default: [] }),
    /** Who is logged in without being asked: whoever sits at the machine has that user's rights. */
    autologin: Type.Object(
      { serial: Type.Optional(UserName), console: Type.Optional(UserName), lightdm: Type.Optional(UserName) },
      { ...strict, default: {} }
    ),
    files: Type.Array(FileSchema, { default: [] }),
    services: Type.Object(
      {
        enable: Type.Array(UnitName, { default: [] }),
        disable: Type.Array(UnitName, { default: [] })
      },
      { ...strict, default: {} }
    ),
    /** Shell commands, run in the root by `sh -eu` after everything else of the recipe is in place. */
    customize: Type.Array(Type.String({ minLength: 1 }), { default: [] }),
    /** Kernel arguments that a version of this image boots with, one each. */
    arguments: Type.Array(Type.String({ pattern: '^[!-~]+$' }), { default: [] }),
    initramfs: Type.Object(
      {
        /** initramfs.conf(5): `netboot` has every network driver and no disk driver. */
        modules: Type.Enum(['most', 'netboot', 'list'], { default: 'netboot' }),
        compression: Type.Enum(['zstd', 'gzip', 'lz4', 'xz'], { default: 'zstd' }),
        level: Type.Optional(Type.Integer({ minimum: 1, maximum: 19 }))
      },
      { ...strict, default: {} }
    ),
    squashfs: Type.Object(
      {
        compression: Type.Enum(['zstd', 'lz4', 'gzip', 'xz'], { default: 'zstd' }),
        level: Type.Optional(Type.Integer({ minimum: 1, maximum: 22 })),
        blockSizeKib: Type.Enum([4, 8, 16, 32, 64, 128, 256, 512, 1024], { default: 128 })
      },
      { ...strict, default: {} }
    ),
    /** SOURCE_DATE_EPOCH of the build, seconds since 1970: what package scripts take for today. */
    sourceDateEpoch: Type.Integer({ minimum: 0, default: 1_700_000_000 })
  },
  strict
)

export type Recipe = Static<typeof RecipeSchema>
