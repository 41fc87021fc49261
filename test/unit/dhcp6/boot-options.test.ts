import t from 'tap'
import { bootOptions } from '../../../server/dhcp6/boot-options.ts'
import { factsOf } from '../../../server/dhcp6/facts.ts'
import { answering, message, option, SERVER, SOURCE, uefi } from '../../support/dhcp6-messages.ts'

const URL = 'tftp://[fd00:77::1]/shimx64.efi'

function options(asks: Parameters<typeof message>[1], mode: 'authoritative' | 'stateless', bootfile?: string) {
  const facts = factsOf(message('solicit', asks), SOURCE)
  const answer = answering(bootfile).answer({ ...facts, address: undefined }, SERVER, undefined)
  return bootOptions(answer, facts, mode).map(({ code, value }) => `${code} ${Buffer.from(value).toString('latin1')}`)
}

t.test('PXE firmware gets a URL, and its class back only where it is to ask again on port 4011', async (t) => {
  t.same(options(uefi('PXEClient'), 'authoritative', URL), [`59 ${URL}`])
  t.same(options(uefi('PXEClient'), 'stateless', URL), [`59 ${URL}`, '16 \0\0\x01W\0\tPXEClient'])
})

t.test('HTTP boot always gets its class back, behind the URL that it reads to a NUL', async (t) => {
  for (const mode of ['authoritative', 'stateless'] as const) {
    t.same(options(uefi('HTTPClient'), mode, URL), [`59 ${URL}`, '16 \0\0\x01W\0\nHTTPClient'])
  }
})

t.test('iPXE gets its script, and what boots nothing gets nothing', async (t) => {
  t.same(options([option(15, '000469505845')], 'stateless', URL), [`59 ${URL}`])
  t.same(options(uefi('PXEClient'), 'authoritative', undefined), [])
  t.same(options(uefi('PXEClient'), 'authoritative', ''), [], 'U-Boot and Raspberry Pis know what to ask for')
})
