// Reading one value out of what a scraper gets.
import { expositionOf, type Family } from '../../server/metrics/exposition.ts'

/** @param sample as it stands at the beginning of its line: `name` or `name{label="value"}` */
export function sampleOf(text: string, sample: string): number | undefined {
  const found = text.split('\n').find((line) => line.startsWith(`${sample} `))
  return found === undefined ? undefined : Number(found.slice(sample.length + 1))
}

export function reading(families: readonly Family[]): (sample: string) => number | undefined {
  const text = expositionOf(families, 'prometheus')
  return (sample) => sampleOf(text, sample)
}
