import t from 'tap'
import { isDuid, macOfDuid, newDuid, uuidOfDuid } from '../../../server/dhcp6/duid.ts'

const hex = (text: string) => Buffer.from(text, 'hex')

t.test('a MAC is in link-layer DUIDs of Ethernet, with a time or without', async (t) => {
  t.equal(macOfDuid(hex('000100012d3a4b5c525400770001')), '52:54:00:77:00:01')
  t.equal(macOfDuid(hex('00030001525400770001')), '52:54:00:77:00:01')
  t.equal(macOfDuid(hex('00030006525400770001')), undefined, 'not Ethernet')
  t.equal(macOfDuid(hex('000300015254007700')), undefined, 'too short')
  t.equal(macOfDuid(hex('0002000000090cc084')), undefined, 'by enterprise number')
  t.equal(macOfDuid(newDuid()), undefined)
})

t.test('a UUID is in the fourth kind, in the order of bytes of who wrote it', async (t) => {
  const duid = hex('000400112233445566778899aabbccddeeff')
  t.equal(uuidOfDuid(duid, true), '33221100-5544-7766-8899-aabbccddeeff')
  t.equal(uuidOfDuid(duid, false), '00112233-4455-6677-8899-aabbccddeeff')
  t.equal(uuidOfDuid(hex('00030001525400770001'), true), undefined)
})

t.test('ours is new each time, and of a length that clients take', async (t) => {
  t.notSame(newDuid(), newDuid())
  t.equal(newDuid().length, 18)
  t.ok(isDuid(newDuid()))
  t.notOk(isDuid(hex('0004')))
  t.notOk(isDuid(Buffer.alloc(131)))
})
