import t from 'tap'
import { DateText } from '../../../server/http/date-text.ts'

t.test('a date of the second that is asked for', async (t) => {
  const date = new DateText()
  t.equal(date.of(784_111_777_000), 'Sun, 06 Nov 1994 08:49:37 GMT')
  t.equal(date.of(784_111_777_999), 'Sun, 06 Nov 1994 08:49:37 GMT')
  t.equal(date.of(784_111_778_000), 'Sun, 06 Nov 1994 08:49:38 GMT')
})
