import t from 'tap'
import { factsOf, wayOf } from '../../../server/dhcp6/facts.ts'
import { decodeDhcp6 } from '../../../server/dhcp6/packet.ts'
import { OPTION } from '../../../server/dhcp6/registry.ts'
import {
  bytesOf,
  CLIENT_ID_OPTION,
  IAID,
  MAC,
  message,
  option,
  relayed,
  SOURCE,
  uefi,
  WISH
} from '../../support/dhcp6-messages.ts'

t.test('what UEFI firmware says of itself', async (t) => {
  const pxe = factsOf(message('solicit', [CLIENT_ID_OPTION, WISH, ...uefi('PXEClient')]), SOURCE)
  t.match(pxe, {
    stage: 'firmware',
    arch: 'x64-uefi',
    vendor: 'PXEClient',
    wanted: [59, 60, 23, 16],
    associations: [{ iaid: IAID, addresses: [] }]
  })
  const http = factsOf(message('solicit', [CLIENT_ID_OPTION, WISH, ...uefi('HTTPClient')]), SOURCE)
  t.match(http, { stage: 'http-boot', arch: 'x64-uefi', vendor: 'HTTPClient' })
  t.match(factsOf(message('solicit', [option(OPTION.arch, '0007')]), SOURCE), { stage: 'firmware', arch: 'x64-uefi' })
  t.match(factsOf(message('solicit', [option(OPTION.arch, 'ffff')]), SOURCE), { stage: 'firmware', arch: 'unknown' })
})

t.test('iPXE says so, and a running system says nothing', async (t) => {
  t.match(factsOf(message('solicit', [option(OPTION.userClass, '000469505845')]), SOURCE), { stage: 'ipxe' })
  t.match(factsOf(message('solicit', [CLIENT_ID_OPTION, WISH]), SOURCE), { stage: 'system', vendor: undefined })
})

t.test('the MAC: from the relay agent, else from the address, else from the DUID, else there is none', async (t) => {
  const solicit = message('solicit', [CLIENT_ID_OPTION])
  const told = option(OPTION.clientLinkLayerAddress, '0001525400000009')
  const behind = (peer: string, options = [told]) => decodeDhcp6(relayed(bytesOf(solicit), 'fd00::1', peer, options))
  t.equal(factsOf(behind(SOURCE), 'fd00::1').mac, '52:54:00:00:00:09')
  t.equal(factsOf(behind(SOURCE, []), 'fd00::1').mac, MAC)
  t.equal(factsOf(behind(SOURCE, [option(OPTION.clientLinkLayerAddress, '0006')]), 'fd00::1').mac, MAC)
  t.equal(factsOf(solicit, SOURCE).mac, MAC)
  t.equal(factsOf(solicit, 'fe80::1').mac, '52:54:00:00:00:0c')
  const stranger = factsOf(message('solicit', [option(OPTION.clientId, '00020000000901')]), 'fe80::1')
  t.match(stranger, { mac: undefined, identity: 'duid-00020000000901' })
  t.match(factsOf(message('informationRequest', []), 'fe80::1'), { mac: undefined, identity: undefined })
})

t.test('the way of a message: its card, or the port that the relay agent nearest to the client names', async (t) => {
  const solicit = message('solicit', [CLIENT_ID_OPTION])
  const port = (hex: string) => relayed(bytesOf(solicit), 'fd00::1', SOURCE, [option(OPTION.interfaceId, hex)])
  const way = (bytes: Buffer) => wayOf(decodeDhcp6(bytes), 'lan')
  t.equal(wayOf(solicit, 'lan'), 'lan')
  t.equal(way(port('07')), way(relayed(port('07'), 'fd00::2', 'fe80::2', [option(OPTION.interfaceId, '09')])))
  const plain = relayed(bytesOf(solicit), 'fd00::1', SOURCE, [])
  const remote = relayed(bytesOf(solicit), 'fd00::1', SOURCE, [option(OPTION.remoteId, '07')])
  t.equal(new Set([way(port('07')), way(port('08')), way(plain), way(remote), 'lan']).size, 5)
})

t.test('an id that can be none is malformed', async (t) => {
  for (const code of [OPTION.clientId, OPTION.serverId]) {
    t.throws(() => factsOf(message('solicit', [option(code, '00')]), SOURCE), { code: 'ERR_MALFORMED_PACKET' })
  }
})
