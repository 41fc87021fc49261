// Aligned columns for people; scripts ask for --json.
import { styleText } from 'node:util'

export interface Column<T> {
  readonly title: string
  readonly value: (row: T) => string | number | undefined
  readonly align?: 'right'
}

/** Two spaces between columns, no spaces at the ends of lines. `bold` marks the head, on terminals that want it. */
export function formatTable<T>(rows: readonly T[], columns: readonly Column<T>[], bold = false): string {
  const cells = rows.map((row) => columns.map((column) => String(column.value(row) ?? '-')))
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...cells.map((line) => line[i]?.length ?? 0)))
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) => (columns[i]?.align === 'right' ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  const head = line(columns.map(({ title }) => title.toUpperCase()))
  return [bold ? styleText('bold', head, { validateStream: false }) : head, ...cells.map(line)].join('\n')
}

/** Name and value, one pair a line; what is undefined is left out. */
export function formatFields(fields: Readonly<Record<string, string | number | undefined>>): string {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...present.map(([name]) => name.length))
  return present.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}
