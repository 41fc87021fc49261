import t from 'tap'
import { formatBytes } from '../../server/units.ts'

t.test('bytes in three digits or so', async (t) => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [99_940, '99.9 kB'],
    [99_960, '100 kB'],
    [999_600, '1.0 MB'],
    [106_000_000, '106 MB'],
    [1_500_000_000_000, '1.5 TB'],
    [2_000_000_000_000_000, '2000 TB']
  ]
  for (const [bytes, expected] of cases) t.equal(formatBytes(bytes), expected)
})
