// Ethernet addresses, always lower case and colon-separated once inside.

export type Mac = string

/** Accepts colons, hyphens, dots or nothing between the digits; undefined unless there are twelve of them. */
export function parseMac(text: string): Mac | undefined {
  if (/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(text)) return text
  const digits = text.toLowerCase().replace(/[:.-]/g, '')
  return /^[0-9a-f]{12}$/.test(digits) ? digits.replace(/..(?!$)/g, '$&:') : undefined
}

/** `01-52-54-00-12-34-56`: how PXELINUX, GRUB and BOOTIF write it (01 is Ethernet's hardware type). */
export function bootif(mac: Mac): string {
  return `01-${mac.replaceAll(':', '-')}`
}
