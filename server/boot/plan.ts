// The boot decision. planFor is the only place that decides what a machine boots; every protocol asks it.
import { kernelArgumentFault, PLAN_ARGUMENTS_LENGTH } from './cmdline.ts'
import { archInWords, type LoaderDefaults, loaderFile, loaderFor, loaderPackage, OWN_FIRMWARE } from './loader.ts'
import type { BootPlan, Client, Images, Inventory, RefusalCode, RefusedPlan, Version } from './model.ts'
import { type ImageRef, type Selection, select, type UnknownMachineRules } from './select.ts'

export interface BootRules extends UnknownMachineRules {
  readonly loaders: LoaderDefaults
}

/** What planFor decides with besides the client. */
export interface BootFacts {
  readonly inventory: Inventory
  readonly images: Images
  readonly rules: BootRules
  /** The loader files that this server has, by the name that they are served by. */
  readonly loaders: { has(name: string): boolean }
}

export function planFor(client: Client, facts: BootFacts): BootPlan {
  const selection = select(client, facts.inventory, facts.rules)
  const loader = loaderFor(client, selection.loader, facts.rules.loaders)
  const common = { host: selection.host, group: selection.group, loader }
  const refuse = (code: RefusalCode, why: string): RefusedPlan => ({
    kind: 'refused',
    ...common,
    code,
    message: `${why}; ask your administrator`
  })

  const missing = missingLoader(client, loader, facts)
  if (missing !== undefined) return refuse('ARCH_NOT_SUPPORTED', missing)
  if (selection.missingGroup !== undefined) {
    return refuse(
      'GROUP_NOT_FOUND',
      `${nameOf(client, selection)} is in group ${selection.missingGroup}, which does not exist`
    )
  }
  if (selection.boot === 'local') return { kind: 'local', ...common }
  if (selection.image === undefined) {
    return refuse('NO_IMAGE_ASSIGNED', `no image is assigned to host ${nameOf(client, selection)}`)
  }
  const version = facts.images.resolve(selection.image, selection.ref)
  if (typeof version === 'string') return refuse(version, absenceInWords(version, selection.image, selection.ref))
  const kernelArguments = [...version.arguments, ...selection.arguments]
  const size = selection.overlaySize === undefined ? [] : [`overlay.size=${selection.overlaySize}`]
  const fault = firstFault([...size, ...kernelArguments]) ?? lengthFault(kernelArguments)
  if (fault !== undefined) return refuse('ARGUMENT_NOT_POSSIBLE', fault)
  return {
    kind: 'image',
    ...common,
    version,
    channel: 'channel' in selection.ref ? selection.ref.channel : undefined,
    rootMode: selection.rootMode,
    transport: selection.transport,
    overlaySize: selection.overlaySize,
    arguments: kernelArguments
  }
}

function missingLoader(client: Client, loader: BootPlan['loader'], { loaders }: BootFacts): string | undefined {
  // A stage past the firmware has its loader already; iPXE may still be sent on to another one.
  if (client.stage === 'system' || (client.stage === 'ipxe' && loader === 'ipxe')) return undefined
  const file = loaderFile(client.arch, loader)
  if (file === undefined) return `there is no network loader for ${archInWords(client.arch)}`
  if (file === OWN_FIRMWARE || loaders.has(file)) return undefined
  const source = loaderPackage(client.arch)
  const from = source === undefined ? '' : `: it comes with ${source}`
  return `the loader ${file} for ${archInWords(client.arch)} is not installed${from}`
}

function nameOf(client: Client, { host }: Selection): string {
  return host?.name ?? client.mac ?? 'without a MAC address'
}

type Absence = Exclude<ReturnType<Images['resolve']>, Version>

function absenceInWords(absence: Absence, image: string, ref: ImageRef): string {
  switch (absence) {
    case 'IMAGE_NOT_FOUND':
      return `there is no image ${image}`
    case 'CHANNEL_NOT_FOUND':
      return `image ${image} has no channel ${'channel' in ref ? ref.channel : ''}`.trimEnd()
    case 'VERSION_NOT_FOUND':
      return 'version' in ref
        ? `image ${image} has no version ${ref.version}`
        : `channel ${ref.channel} of image ${image} names a version that is gone`
  }
}

function firstFault(words: readonly string[]): string | undefined {
  for (const word of words) {
    const fault = kernelArgumentFault(word)
    if (fault !== undefined) return `the kernel argument ${JSON.stringify(word)} can't be used: ${fault}`
  }
  return undefined
}

function lengthFault(words: readonly string[]): string | undefined {
  const length = words.join(' ').length
  if (length <= PLAN_ARGUMENTS_LENGTH) return undefined
  return `the kernel arguments are ${length} bytes long, and only ${PLAN_ARGUMENTS_LENGTH} fit`
}
