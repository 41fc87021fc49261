import t from 'tap'
import { PublishError, StoreError } from '../../../server/image/errors.ts'

t.test('a code to branch on, a sentence for people, the cause for the log', async (t) => {
  const cause = new Error('write ENOSPC')
  t.match(new PublishError('NO_SPACE', 'the image store is full', { cause }), {
    name: 'PublishError',
    code: 'NO_SPACE',
    message: 'the image store is full',
    cause
  })
  t.match(new StoreError('STORE_LOCKED', 'in use'), { name: 'StoreError', code: 'STORE_LOCKED' })
})
