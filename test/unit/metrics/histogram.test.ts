import fc from 'fast-check'
import t from 'tap'
import { DURATION_SECONDS, Histogram, LATENCY_SECONDS } from '../../../server/metrics/histogram.ts'

t.test('a bound belongs to the bucket that it ends', async (t) => {
  const seconds = new Histogram([1, 2])
  seconds.observe(1)
  t.same(seconds.read(), {
    buckets: [
      { upTo: 1, count: 1 },
      { upTo: 2, count: 1 },
      { upTo: Number.POSITIVE_INFINITY, count: 1 }
    ],
    sum: 1,
    count: 1
  })
})

t.test('each bucket counts what is not above its bound', async () => {
  const value = fc.double({ min: 0, max: 1000, noNaN: true })
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const seconds = new Histogram(LATENCY_SECONDS)
      for (const one of values) seconds.observe(one)
      const { buckets, count } = seconds.read()
      return (
        count === values.length &&
        buckets.every((bucket) => bucket.count === values.filter((v) => v <= bucket.upTo).length)
      )
    })
  )
})

t.test('bounds ascend', async (t) => {
  for (const bounds of [LATENCY_SECONDS, DURATION_SECONDS])
    t.same(
      bounds.toSorted((a, b) => a - b),
      bounds
    )
})
