import t from 'tap'
import {
  byLabel,
  counter,
  expositionOf,
  type Family,
  type Format,
  gauge,
  histogram,
  MEDIA_TYPES
} from '../../../server/metrics/exposition.ts'
import { Histogram } from '../../../server/metrics/histogram.ts'

function lines(family: Family, format: Format = 'prometheus'): string[] {
  return expositionOf([family], format).split('\n')
}

t.test('a counter', async (t) => {
  const family = counter('rootcast_tftp_sent_bytes_total', 'File bytes sent', 12_345_678_901)
  t.same(lines(family), [
    '# HELP rootcast_tftp_sent_bytes_total File bytes sent',
    '# TYPE rootcast_tftp_sent_bytes_total counter',
    'rootcast_tftp_sent_bytes_total 12345678901',
    ''
  ])
  t.same(lines(family, 'openmetrics'), [
    '# HELP rootcast_tftp_sent_bytes File bytes sent',
    '# TYPE rootcast_tftp_sent_bytes counter',
    'rootcast_tftp_sent_bytes_total 12345678901',
    '# EOF',
    ''
  ])
})

t.test('a gauge with labels, whatever stands in them', async (t) => {
  const odd = gauge('x', 'one\nline with \\', [{ labels: { a: 'say "hi"\\\n', b: 7 }, value: -0.5 }])
  t.same(lines(odd), ['# HELP x one\\nline with \\\\', '# TYPE x gauge', 'x{a="say \\"hi\\"\\\\\\n",b="7"} -0.5', ''])
})

t.test('values that are no finite number', async (t) => {
  const values = { a: Number.POSITIVE_INFINITY, b: Number.NEGATIVE_INFINITY, c: Number.NaN }
  t.same(lines(gauge('x', 'x', byLabel('k', values))).slice(2, 5), ['x{k="a"} +Inf', 'x{k="b"} -Inf', 'x{k="c"} NaN'])
})

t.test('a histogram, its bounds spelled as OpenMetrics wants them', async (t) => {
  const seconds = new Histogram([0.25, 1])
  for (const value of [0.1, 0.25, 0.5, 3]) seconds.observe(value)
  t.same(lines(histogram('x_seconds', 'x', [{ labels: { step: 'dhcp' }, value: seconds.read() }])).slice(1, 7), [
    '# TYPE x_seconds histogram',
    'x_seconds_bucket{step="dhcp",le="0.25"} 2',
    'x_seconds_bucket{step="dhcp",le="1.0"} 3',
    'x_seconds_bucket{step="dhcp",le="+Inf"} 4',
    'x_seconds_sum{step="dhcp"} 3.85',
    'x_seconds_count{step="dhcp"} 4'
  ])
})

t.test('the media types that scrapers know', async (t) => {
  t.match(MEDIA_TYPES.prometheus, /^text\/plain; version=0\.0\.4/)
  t.match(MEDIA_TYPES.openmetrics, /^application\/openmetrics-text; version=1\.0\.0/)
})
