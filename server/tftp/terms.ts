// What a client asked for and what it gets (RFC 2347, 2348, 2349, 7440). Pure.
import { DEFAULT_BLKSIZE } from './packet.ts'

/** Ours to grant at most. */
export interface TermsCaps {
  /** Usually the path's MTU less 32 (see blksizeForMtu). */
  readonly blksize: number
  readonly windowsize: number
  /** Of a window as a whole: what a client's socket is sure to hold while the client is busy. */
  readonly windowBytes: number
}

export interface Terms {
  readonly blksize: number
  readonly windowsize: number
  /** What the client asked for, in seconds; undefined when it didn't. */
  readonly timeoutSeconds: number | undefined
  /** The options granted, in the order asked; undefined: no OACK, DATA 1 comes first. */
  readonly oack: ReadonlyMap<string, string> | undefined
}

const MIN_BLKSIZE = 8 // RFC 2348
const MAX_BLKSIZE = 65464 // RFC 2348
const IP_UDP_TFTP_HEADERS = { 4: 32, 6: 52 } // 20 or 40, and 8 + 4
const LARGEST_OPTION_DIGITS = 15 // more digits than a double can count is no size

/** The largest block that travels unfragmented. */
export function blksizeForMtu(mtu: number, ipVersion: 4 | 6 = 4): number {
  return Math.max(MIN_BLKSIZE, Math.min(MAX_BLKSIZE, mtu - IP_UDP_TFTP_HEADERS[ipVersion]))
}

/**
 * Grants only what was asked for: EDK2 and PXELINUX abort on any other option in the OACK. What is unknown or out of
 * range is left out, never refused with ERROR 8.
 */
export function negotiate(
  asked: ReadonlyMap<string, string>,
  sizeBytes: number,
  mode: 'octet' | 'netascii',
  caps: TermsCaps
): Terms {
  const oack = new Map<string, string>()
  let blksize = DEFAULT_BLKSIZE
  let windowsize = 1
  let timeoutSeconds: number | undefined
  for (const [name, text] of asked) {
    const value = decimal(text)
    if (value === undefined) continue
    switch (name) {
      case 'blksize':
        if (value < MIN_BLKSIZE) break
        blksize = Math.max(MIN_BLKSIZE, Math.min(value, caps.blksize, MAX_BLKSIZE))
        oack.set(name, String(blksize))
        break
      case 'windowsize':
        // Netascii grows as it is converted; no client has been seen to ask for both.
        if (value < 1 || value > 65535 || mode === 'netascii') break
        windowsize = Math.max(1, Math.min(value, caps.windowsize))
        oack.set(name, String(windowsize))
        break
      case 'timeout':
        // RFC 2349: the same value or none. U-Boot aborts on another.
        if (value < 1 || value > 255) break
        timeoutSeconds = value
        oack.set(name, text)
        break
      case 'tsize':
        // U-Boot asks with the size of its last download instead of 0; curl rejects an answer of 0.
        if (sizeBytes > 0) oack.set(name, String(sizeBytes))
        break
    }
  }
  const fitting = Math.max(1, Math.floor(caps.windowBytes / blksize))
  if (windowsize > fitting) {
    windowsize = fitting
    oack.set('windowsize', String(windowsize)) // in its old place
  }
  return { blksize, windowsize, timeoutSeconds, oack: oack.size > 0 ? oack : undefined }
}

function decimal(text: string): number | undefined {
  return /^\d+$/.test(text) && text.length <= LARGEST_OPTION_DIGITS ? Number(text) : undefined
}
