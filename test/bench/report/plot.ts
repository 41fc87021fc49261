// Bars as SVG: one panel for each comparison, its first metric, ours in another colour.
import type { Comparison, Row } from '../comparison.ts'
import { US } from '../contenders/contender.ts'

const WIDTH = 720
const LABEL_WIDTH = 250
const BAR_WIDTH = 360
const ROW_HEIGHT = 20
const TITLE_HEIGHT = 30
const OURS = '#2563eb'
const THEIRS = '#94a3b8'

export function plot(comparisons: readonly Comparison[]): string {
  const parts: string[] = []
  let y = 8
  for (const comparison of comparisons) {
    parts.push(...panel(comparison, y))
    y += TITLE_HEIGHT + comparison.rows.length * ROW_HEIGHT + 12
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="system-ui, sans-serif" font-size="12">
<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`
}

function panel({ title, metrics, rows }: Comparison, y: number): readonly string[] {
  const [metric] = metrics
  if (!metric) return []
  const value = (row: Row) => row.medians[metric.key]
  const largest = Math.max(...rows.map((row) => value(row) ?? 0))
  const bars = rows.map((row, i) => bar(row, value(row), largest, metric.digits, y + TITLE_HEIGHT + i * ROW_HEIGHT))
  const heading = `${title} – ${metric.label}${metric.better === 'less' ? ' (less is better)' : ''}`
  return [text(8, y + 16, heading, 'font-weight="600"'), ...bars]
}

function bar({ contender }: Row, value: number | undefined, largest: number, digits: number, y: number): string {
  const length = value === undefined || largest === 0 ? 0 : Math.max(1, (value / largest) * BAR_WIDTH)
  const colour = contender.startsWith(US) ? OURS : THEIRS
  return [
    text(LABEL_WIDTH - 8, y + 12, contender, 'text-anchor="end" fill="#334155"'),
    `<rect x="${LABEL_WIDTH}" y="${y + 2}" width="${length.toFixed(1)}" height="${ROW_HEIGHT - 6}" rx="2" fill="${colour}"/>`,
    text(LABEL_WIDTH + length + 6, y + 12, value?.toFixed(digits) ?? 'no result', 'fill="#334155"')
  ].join('')
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped}</text>`
}
