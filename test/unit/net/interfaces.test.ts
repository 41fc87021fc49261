import t from 'tap'
import { localAddresses, mtuOf } from '../../../server/net/interfaces.ts'

t.test("the loopback card's MTU, by its address", async (t) => {
  t.ok((mtuOf('127.0.0.1') ?? 0) >= 1280)
  t.equal(mtuOf('192.0.2.1'), undefined)
})

t.test('0.0.0.0 stands for each address, and none is named twice', async (t) => {
  const all = localAddresses(['0.0.0.0', '127.0.0.1'])
  t.ok(all.includes('127.0.0.1'))
  t.equal(new Set(all).size, all.length)
  t.notOk(all.includes('0.0.0.0'))
  t.same(localAddresses(['192.0.2.7']), ['192.0.2.7'])
})
