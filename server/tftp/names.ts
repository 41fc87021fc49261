// File names as firmware writes them, folded to the names that rootcast serves (closed set: nothing here is a path on disk).

export type RequestedName =
  | { readonly kind: 'name'; readonly name: string }
  /** Asked for something that no client has a reason to ask for. */
  | { readonly kind: 'refused'; readonly why: 'parent segment' | 'control character' | 'too long' }
  | { readonly kind: 'empty' }

const MAX_NAME_BYTES = 512

/** `\EFI\\boot//x.efi` and `/EFI/boot/x.efi` are both `EFI/boot/x.efi`. Case is kept. */
export function normaliseName(raw: string): RequestedName {
  if (raw.length > MAX_NAME_BYTES) return { kind: 'refused', why: 'too long' }
  if (/[\0-\x1f\x7f]/.test(raw)) return { kind: 'refused', why: 'control character' }
  const segments = raw.split(/[\\/]/).filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) return { kind: 'refused', why: 'parent segment' }
  return segments.length === 0 ? { kind: 'empty' } : { kind: 'name', name: segments.join('/') }
}
