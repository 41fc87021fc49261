// The text that Prometheus scrapes, in its own format 0.0.4 and as OpenMetrics 1.0. Pure: readings in, text out.
import type { Reading } from './histogram.ts'

/** Few values each: every combination of them is a time series for good. Never a host, a file or an address. */
export type Labels = Readonly<Record<string, string | number>>

interface Sample<T> {
  readonly labels?: Labels
  readonly value: T
}

/** What one metric is now. A counter's name ends in `_total`, and a unit stands before that. */
export type Family =
  | (Described & { readonly type: 'counter' | 'gauge'; readonly samples: readonly Sample<number>[] })
  | (Described & { readonly type: 'histogram'; readonly samples: readonly Sample<Reading>[] })

interface Described {
  readonly name: string
  /** One sentence without its full stop. */
  readonly help: string
}

export type Format = 'prometheus' | 'openmetrics'

export const MEDIA_TYPES: Readonly<Record<Format, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8'
}

export function counter(name: string, help: string, value: number | readonly Sample<number>[]): Family {
  return { type: 'counter', name, help, samples: typeof value === 'number' ? [{ value }] : value }
}

export function gauge(name: string, help: string, value: number | readonly Sample<number>[]): Family {
  return { type: 'gauge', name, help, samples: typeof value === 'number' ? [{ value }] : value }
}

export function histogram(name: string, help: string, value: Reading | readonly Sample<Reading>[]): Family {
  return { type: 'histogram', name, help, samples: 'sum' in value ? [{ value }] : value }
}

/** A sample for each key, which becomes the value of one label. */
export function byLabel(label: string, values: Readonly<Record<string, number>>): readonly Sample<number>[] {
  return Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }))
}

export function expositionOf(families: readonly Family[], format: Format): string {
  const lines = families.flatMap((family) => linesOf(family, format))
  if (format === 'openmetrics') lines.push('# EOF')
  return `${lines.join('\n')}\n`
}

function linesOf(family: Family, format: Format): string[] {
  // OpenMetrics names a counter without the ending that its samples have.
  const name = format === 'openmetrics' && family.type === 'counter' ? family.name.replace(/_total$/, '') : family.name
  const help = family.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  const samples =
    family.type === 'histogram'
      ? family.samples.flatMap(({ labels, value }) => histogramLines(family.name, labels, value))
      : family.samples.map(({ labels, value }) => line(family.name, labels, value))
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${family.type}`, ...samples]
}

function histogramLines(name: string, labels: Labels | undefined, { buckets, sum, count }: Reading): string[] {
  return [
    ...buckets.map(({ upTo, count }) => line(`${name}_bucket`, { ...labels, le: bound(upTo) }, count)),
    line(`${name}_sum`, labels, sum),
    line(`${name}_count`, labels, count)
  ]
}

function line(name: string, labels: Labels | undefined, value: number): string {
  const pairs = Object.entries(labels ?? {}).map(([key, text]) => `${key}="${escaped(String(text))}"`)
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${number(value)}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** A label is compared as text: OpenMetrics wants whole numbers as `1.0`. */
function bound(upTo: number): string {
  return Number.isInteger(upTo) ? `${upTo}.0` : number(upTo)
}

function number(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
