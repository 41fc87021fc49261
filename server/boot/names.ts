// The closed set of names that TFTP and HTTP serve. A name is looked up, never joined to a path.
import type { Address } from '../net/address.ts'
import { type Mac, parseMac } from '../net/mac.ts'
import { type Soon, whenThere } from '../soon.ts'
import type { Boots } from './boots.ts'
import { IPXE_SCRIPT } from './loader.ts'
import type { Arch, Resolve, Resource, ResourceRequest, Stage } from './model.ts'
import { PI_COMMAND_LINE, PI_CONFIG, PI_INITRD, PI_KERNEL, type PiName, piName } from './raspberry-pi.ts'
import { renderGrub, renderGrubIntroduction } from './script/grub.ts'
import { renderIpxe, renderIpxeIntroduction } from './script/ipxe.ts'
import { renderPxelinux } from './script/pxelinux.ts'
import { renderPiCommandLine, renderPiConfig } from './script/raspberry-pi.ts'
import type { BootScript } from './script/script.ts'
import { renderUBoot } from './script/u-boot.ts'

/** One loader file as it was found on disk. */
export interface LoaderFile {
  readonly path: string
  readonly sizeBytes: number
  /** ms since 1970. */
  readonly modifiedAt: number
}

/** Where a blob's bytes are; undefined when there is no such blob. */
export interface StoredBlob {
  readonly path: string
  readonly sizeBytes: number
  /** ms since 1970. */
  readonly modifiedAt: number
}

export interface ResolverDeps {
  readonly boots: Boots
  readonly loaders: ReadonlyMap<string, LoaderFile>
  /** Rejects when the disk is broken; an absent blob is undefined. */
  readonly blob: (digest: string) => Soon<StoredBlob | undefined>
}

/** A script has to name an address of ours, and the transport did not say which one was asked. */
export class ServerAddressUnknown extends Error {
  readonly code = 'SERVER_ADDRESS_UNKNOWN'

  constructor() {
    super('the address that was asked is not known')
    this.name = 'ServerAddressUnknown'
  }
}

const BINARY = 'application/octet-stream'
const TEXT = 'text/plain; charset=utf-8'
const LONGEST_NAME = 255

export function createResolver(deps: ResolverDeps): Resolve {
  return (request) => {
    const { name } = request
    if (name.length > LONGEST_NAME) return undefined
    return (
      loader(deps, name) ??
      blob(deps, name) ??
      layers(deps, name) ??
      script(deps, request) ??
      raspberryPi(deps, request)
    )
  }
}

function loader({ loaders }: ResolverDeps, name: string): Resource | undefined {
  const file = loaders.get(name)
  if (file === undefined) return undefined
  // UEFI HTTP boot tells a boot program from a disk image by this type.
  const mediaType = name.endsWith('.efi') ? 'application/efi' : BINARY
  return { kind: 'file', ...file, digest: undefined, mediaType }
}

function blob(deps: ResolverDeps, name: string): Soon<Resource | undefined> {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1]
  return hex === undefined ? undefined : blobOf(deps, `sha256:${hex}`)
}

function blobOf(deps: ResolverDeps, digest: string): Soon<Resource | undefined> {
  return whenThere(deps.blob(digest), (found) => found && { kind: 'file', ...found, digest, mediaType: BINARY })
}

function layers(deps: ResolverDeps, name: string): Soon<Resource | undefined> {
  const id = /^boots\/([a-z0-9]{1,64})\/layers$/.exec(name)?.[1]
  return id === undefined ? undefined : layersOf(deps, id)
}

/** One layer a line, bottom first: digest, size, name. */
async function layersOf({ boots }: ResolverDeps, boot: string): Promise<Resource | undefined> {
  const version = await boots.versionOf(boot)
  if (version === undefined) return undefined
  const lines = version.layers.map(({ digest, sizeBytes }) => {
    const hex = digest.slice('sha256:'.length)
    return `${hex} ${sizeBytes} blobs/sha256/${hex}\n`
  })
  return text(lines.join(''))
}

function script(deps: ResolverDeps, request: ResourceRequest): Resource | undefined {
  const { name } = request
  if (name === IPXE_SCRIPT) return ipxe(deps, request)
  const pxelinux = /^(?:pxelinux\/)?pxelinux\.cfg\/([^/]+)$/.exec(name)?.[1]
  if (pxelinux !== undefined) return pxelinuxConfig(deps, request, pxelinux)
  const grub = /^grub\/grub\.cfg(?:-([^/]+))?$/.exec(name)
  return grub === null ? undefined : grubConfig(deps, request, grub[1])
}

function ipxe(deps: ResolverDeps, request: ResourceRequest): Resource {
  const { query } = request
  const mac = parseMac(query.mac ?? '') ?? macOfClient(deps, request)
  if (mac !== undefined) {
    const arch = IPXE_ARCH[`${query.platform ?? 'pcbios'} ${query.arch ?? 'i386'}`] ?? 'unknown'
    return text(renderIpxe(bootScript(deps, request, { mac, arch, stage: 'ipxe' })))
  }
  // One that has introduced itself without success would do so for ever.
  if ('mac' in query) return text(renderIpxe({ kind: 'refused', message: UNKNOWN_MACHINE, again: undefined }))
  return text(renderIpxeIntroduction(deps.boots.scriptUrl(serverOf(request))))
}

/** iPXE's `${platform}` and `${buildarch}`. */
const IPXE_ARCH: Readonly<Record<string, Arch>> = {
  'pcbios i386': 'x86-bios',
  'pcbios x86_64': 'x86-bios',
  'efi i386': 'x86-uefi',
  'efi x86_64': 'x64-uefi',
  'efi arm32': 'arm32-uefi',
  'efi arm64': 'arm64-uefi'
}

const UNKNOWN_MACHINE = 'the server can not tell which machine this is; ask your administrator'

/**
 * PXELINUX asks for its UUID, its MAC, its address in hex, that shortened digit by digit, and `default`, in this order.
 * Whoever is known by address is answered at the first of these, the others by their MAC. A shortened address is the
 * same for a whole network: the machine in question is the one that asks. U-Boot asks for the same names but the UUID,
 * and before `default` for some with its architecture in them; DHCP has told which of the two it is.
 */
function pxelinuxConfig(deps: ResolverDeps, request: ResourceRequest, key: string): Resource | undefined {
  const mac = namesAsker(key, request) ? macOfClient(deps, request) : macOfKey(deps, key)
  if (mac !== undefined) {
    const script = bootScript(deps, request, { mac, arch: 'x86-bios', stage: 'system' })
    return text(deps.boots.latest(mac)?.arch === 'u-boot' ? renderUBoot(script) : renderPxelinux(script))
  }
  if (key !== 'default') return undefined
  return text(renderPxelinux({ kind: 'refused', message: UNKNOWN_MACHINE, again: undefined }))
}

/** Debian's signed GRUB asks for `grub.cfg` and nothing else; the answer to a stranger has it say its MAC. */
function grubConfig(deps: ResolverDeps, request: ResourceRequest, key: string | undefined): Resource | undefined {
  const mac = key === undefined || namesAsker(key, request) ? macOfClient(deps, request) : macOfKey(deps, key)
  if (mac !== undefined) {
    return text(renderGrub(bootScript(deps, request, { mac, arch: 'x64-uefi', stage: 'system' })))
  }
  return key === undefined ? text(renderGrubIntroduction()) : undefined
}

function raspberryPi(deps: ResolverDeps, request: ResourceRequest): Soon<Resource | undefined> {
  const asked = piName(request.name)
  return asked && (loader(deps, asked.file) ?? piFile(deps, request, asked))
}

/** Kernel and initrd are those of the boot that config.txt began; who boots no image finds nothing, and fast. */
async function piFile(deps: ResolverDeps, request: ResourceRequest, asked: PiName): Promise<Resource | undefined> {
  const mac = asked.mac ?? macOfClient(deps, request)
  const boot = mac === undefined ? undefined : deps.boots.latest(mac)
  // A name as common as config.txt begins no boot of another machine.
  if (mac === undefined || (boot !== undefined && boot.arch !== 'raspberry-pi')) return undefined
  const version = boot === undefined ? undefined : await deps.boots.versionOf(boot.id)
  const read = (render: (script: BootScript) => string | undefined) => {
    const body = render(bootScript(deps, request, { mac, arch: 'raspberry-pi', stage: 'system' }))
    return body === undefined ? undefined : text(body)
  }
  switch (asked.file) {
    case PI_CONFIG:
      return read(renderPiConfig)
    case PI_COMMAND_LINE:
      return read(renderPiCommandLine)
    case PI_KERNEL:
      return version && blobOf(deps, version.kernel.digest)
    case PI_INITRD:
      return version && blobOf(deps, version.initrd.digest)
    default:
      return undefined
  }
}

function bootScript(
  { boots }: ResolverDeps,
  request: ResourceRequest,
  asker: { mac: Mac; arch: Arch; stage: Stage }
): BootScript {
  return boots.script({
    ...asker,
    uuid: request.query.uuid,
    address: request.client,
    server: serverOf(request)
  })
}

/** `01-52-54-00-12-34-56`, or an address in hex. */
function macOfKey({ boots }: ResolverDeps, key: string): Mac | undefined {
  const named = /^01-(.+)$/.exec(key)?.[1]
  if (named !== undefined) return parseMac(named)
  return /^[0-9A-F]{8}$/i.test(key) ? boots.macOf(Number.parseInt(key, 16)) : undefined
}

function macOfClient({ boots }: ResolverDeps, { client }: ResourceRequest): Mac | undefined {
  return client === undefined ? undefined : boots.macOf(client)
}

/** A UUID, `default`, or the beginning of the asker's own address in hex. */
function namesAsker(key: string, { client }: ResourceRequest): boolean {
  if (key === 'default' || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(key)) return true
  return typeof client === 'number' && /^[0-9A-F]{1,7}$/i.test(key) && hexOf(client).startsWith(key.toUpperCase())
}

function hexOf(address: number): string {
  return address.toString(16).toUpperCase().padStart(8, '0')
}

function serverOf({ server }: ResourceRequest): Address {
  if (server === undefined) throw new ServerAddressUnknown()
  return server
}

function text(body: string): Resource {
  return { kind: 'text', body: Buffer.from(body), mediaType: TEXT }
}
