// Which step of a boot it is when a client fetches this name.
import type { Step, Version } from './model.ts'
import { PI_INITRD, PI_KERNEL, piName } from './raspberry-pi.ts'

/** Undefined for names that are no step: scripts have their own event, and probes for absent files mean nothing. */
export function stepOfTransfer(
  name: string,
  version: Version | undefined,
  loaders: { has(name: string): boolean }
): Extract<Step, 'loader' | 'kernel' | 'initrd' | 'layers'> | undefined {
  const pi = piName(name)?.file
  if (loaders.has(pi ?? name)) return 'loader'
  if (version !== undefined && pi === PI_KERNEL) return 'kernel'
  if (version !== undefined && pi === PI_INITRD) return 'initrd'
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1]
  if (hex === undefined || version === undefined) return undefined
  const digest = `sha256:${hex}`
  if (version.kernel.digest === digest) return 'kernel'
  if (version.initrd.digest === digest) return 'initrd'
  return version.layers.some((layer) => layer.digest === digest) ? 'layers' : undefined
}
