// What a host and a group can both say, out of a request's body.
import type { Static } from 'typebox'
import type { BootSettings, Group } from '../boot/model.ts'
import { invalidRequest } from './problem.ts'
import type { GroupSchema } from './schema.ts'

/** @throws Problem where fields that are right by themselves contradict one another. */
export function readSettings(body: Omit<Static<typeof GroupSchema>, 'name'>): BootSettings {
  if (body.channel !== undefined && body.version !== undefined) {
    throw invalidRequest([{ field: 'body.version', message: 'and channel exclude one another: give one of the two' }])
  }
  const { boot, image, channel, version, loader, rootMode, transport, overlaySize, dhcpOptions } = body
  const settings = { boot, image, channel, version, loader, rootMode, transport, overlaySize, dhcpOptions }
  return { ...settings, arguments: body.arguments }
}

export function readGroup(body: Static<typeof GroupSchema>): Group {
  return { ...readSettings(body), name: body.name }
}
