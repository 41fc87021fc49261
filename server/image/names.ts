// The names of images, versions and channels. Closed alphabets: none of them can leave a directory or a URL's segment.

export const IMAGE_PATTERN = '^[a-z][a-z0-9-]{0,62}$'
export const VERSION_PATTERN = '^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$'
export const CHANNEL_PATTERN = '^[a-z][a-z0-9-]{0,31}$'

const IMAGE = new RegExp(IMAGE_PATTERN)
const VERSION = new RegExp(VERSION_PATTERN)
const CHANNEL = new RegExp(CHANNEL_PATTERN)

export function isImageName(name: string): boolean {
  return IMAGE.test(name)
}

export function isVersionName(name: string): boolean {
  return VERSION.test(name)
}

export function isChannelName(name: string): boolean {
  return CHANNEL.test(name)
}
