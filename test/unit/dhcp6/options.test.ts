import t from 'tap'
import {
  addressList,
  association,
  pxeVendorClass,
  readAssociations,
  readPxeVendorClass,
  readU16s,
  readUserClasses,
  status,
  text
} from '../../../server/dhcp6/options.ts'
import { OPTION, STATUS } from '../../../server/dhcp6/registry.ts'
import { option } from '../../support/dhcp6-messages.ts'

t.test('an association goes out with its lifetimes and comes back with its addresses', async (t) => {
  const answered = association(7, [{ address: 'fd00:77::5', lifetimeSeconds: 1000 }])
  t.equal(
    Buffer.from(answered.value).toString('hex'),
    '00000007000001f400000320' + '00050018fd0000770000000000000000000000' + '05000003e8000003e8',
    'T1 is half of the lifetime, T2 four fifths'
  )
  t.same(readAssociations([answered]), [{ iaid: 7, addresses: ['fd00:77::5'] }])
  const refused = association(7, [], status(STATUS.noBinding, 'no'))
  t.equal(Buffer.from(refused.value).toString('hex'), '0000000700000000000000000' + '00d000400036e6f')
  for (const bad of ['', '00000007', '0000000700000000000000000005000100']) {
    t.throws(() => readAssociations([option(OPTION.iaNa, bad)]), { code: 'ERR_MALFORMED_PACKET' })
  }
})

t.test('numbers come in twos', async (t) => {
  t.same(readU16s([option(OPTION.optionRequest, '003b0017')], OPTION.optionRequest), [59, 23])
  t.same(readU16s([], OPTION.optionRequest), [])
  t.throws(() => readU16s([option(OPTION.arch, '000700')], OPTION.arch), { code: 'ERR_MALFORMED_PACKET' })
})

t.test('user classes are counted, or one as it stands', async (t) => {
  t.same(readUserClasses([option(OPTION.userClass, '000469505845')]), ['iPXE'])
  t.same(readUserClasses([option(OPTION.userClass, '69505845')]), ['iPXE'])
  t.same(readUserClasses([option(OPTION.userClass, '0004695058450001 61'.replace(' ', ''))]), ['iPXE', 'a'])
  t.same(readUserClasses([option(OPTION.userClass, '')]), [])
  t.same(readUserClasses([]), [])
})

t.test("only Intel's vendor class says what boots", async (t) => {
  const ours = pxeVendorClass('PXEClient')
  t.equal(readPxeVendorClass([ours]), 'PXEClient')
  t.equal(Buffer.from(ours.value).toString('hex'), '00000157000950584543' + '6c69656e74')
  t.equal(readPxeVendorClass([option(OPTION.vendorClass, '0000013700095058')]), undefined, 'another enterprise')
  t.equal(readPxeVendorClass([option(OPTION.vendorClass, '0000013700'), ours]), 'PXEClient', 'Intel’s may be second')
  t.equal(readPxeVendorClass([option(OPTION.vendorClass, '00000157ffff')]), undefined, 'a count that does not fit')
  t.throws(() => readPxeVendorClass([option(OPTION.vendorClass, '0000')]), { code: 'ERR_MALFORMED_PACKET' })
})

t.test('texts and lists of addresses', async (t) => {
  t.same(text(OPTION.bootfileUrl, 'tftp://[::1]/x').value, Buffer.from('tftp://[::1]/x'))
  t.equal(Buffer.from(addressList(OPTION.dns, ['::1', '::2']).value).length, 32)
})
