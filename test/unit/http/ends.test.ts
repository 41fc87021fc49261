import t from 'tap'
import { endsOf } from '../../../server/http/ends.ts'

t.test('the ends of a connection, in both families', async (t) => {
  t.same(endsOf({ remoteAddress: '::ffff:10.0.0.1', localAddress: 'fe80::1%eth0' }), {
    client: { text: '::ffff:10.0.0.1', address: 0x0a000001 },
    server: { text: 'fe80::1%eth0', address: 'fe80::1' }
  })
})

t.test('a broken connection has none', async (t) => {
  const nobody = { text: undefined, address: undefined }
  t.same(endsOf({ remoteAddress: undefined, localAddress: undefined }), { client: nobody, server: nobody })
})
