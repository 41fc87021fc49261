// What a name and a channel or version stand for, out of the image store and the channels: both in memory.
import type { Images, Version } from '../boot/model.ts'
import type { ChannelRef } from './channel-moves.ts'

/** What this needs of the image store, and no more. */
export interface VersionSource {
  get(image: string, version: string): Version | undefined
  list(): readonly Version[]
}

export interface ChannelSource {
  get(ref: ChannelRef): { readonly version: string } | undefined
}

export class StoredImages implements Images {
  readonly #versions: VersionSource
  readonly #channels: ChannelSource

  constructor(versions: VersionSource, channels: ChannelSource) {
    this.#versions = versions
    this.#channels = channels
  }

  resolve(
    image: string,
    ref: { readonly channel: string } | { readonly version: string }
  ): ReturnType<Images['resolve']> {
    const name = 'version' in ref ? ref.version : this.#channels.get({ image, channel: ref.channel })?.version
    const found = name === undefined ? undefined : this.#versions.get(image, name)
    if (found) return found
    if (!this.#versions.list().some((version) => version.image === image)) return 'IMAGE_NOT_FOUND'
    return name === undefined ? 'CHANNEL_NOT_FOUND' : 'VERSION_NOT_FOUND'
  }
}
