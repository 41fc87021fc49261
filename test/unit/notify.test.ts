import t from 'tap'
import { notifySystemd } from '../../server/notify.ts'

t.test('does nothing where no systemd listens', async (t) => {
  await t.resolves(notifySystemd('READY=1', undefined))
  await t.resolves(notifySystemd('READY=1', ''))
})
