// What a boot script says, whatever its dialect: the boot plan with everything filled in that only this boot knows.
import type { Arch, Transport } from '../model.ts'

export type BootScript = ImageScript | LocalScript | RefusedScript

export interface ImageScript {
  readonly kind: 'image'
  /** For the screen: `lab 2026.11.1 for pc-07`. */
  readonly title: string
  /** `http://192.168.77.1:8080` or `tftp://192.168.77.1`: where kernel and initrd come from. */
  readonly origin: string
  readonly transport: Transport
  /** Names below the origin. */
  readonly kernel: string
  readonly initrd: string
  /** The kernel command line's words, unquoted. */
  readonly words: readonly string[]
  /** The DHCP option that already carried this very line to the client; undefined when none did. */
  readonly lineOption: number | undefined
}

export interface LocalScript {
  readonly kind: 'local'
  readonly arch: Arch
}

export interface RefusedScript {
  readonly kind: 'refused'
  readonly message: string
  /** Where to ask again, as a URL; undefined when restarting is all that can be done. */
  readonly again: string | undefined
}

/** How long each loader waits before it tries again to fetch kernel and initrd. */
export const RETRY_PAUSES_SECONDS = [1, 2, 4, 8, 16] as const
/** How long a message stays on the screen before the machine asks again or restarts. */
export const MESSAGE_SECONDS = 60

const SCREEN_LINE_LENGTH = 200

/** One line that any firmware's text console can show. */
export function screenText(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, '?')
    .replace(/ +/g, ' ')
    .trim()
    .slice(0, SCREEN_LINE_LENGTH)
}
