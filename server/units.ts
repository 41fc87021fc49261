// Quantities as people read them.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** `106 MB`: decimal units, one decimal below a hundred. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** `2026-11-21 01:13:35`, in the reader's time zone. */
export function formatTime(at: number | string): string {
  return new Date(at).toLocaleString('sv-SE')
}
