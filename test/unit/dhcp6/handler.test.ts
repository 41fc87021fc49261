import t from 'tap'
import { association, readAssociations } from '../../../server/dhcp6/options.ts'
import { decodeDhcp6, optionValue } from '../../../server/dhcp6/packet.ts'
import { MESSAGE, OPTION, STATUS } from '../../../server/dhcp6/registry.ts'
import type { Ipv6 } from '../../../server/net/ipv6.ts'
import {
  bytesOf,
  CLIENT_ID_OPTION,
  handlerOf,
  IAID,
  MAC,
  message,
  NOW,
  option,
  relayed,
  replyOf,
  SERVER,
  SERVER_ID_OPTION,
  SOURCE,
  uefi,
  WISH
} from '../../support/dhcp6-messages.ts'

const URL = 'tftp://[fd00:77::1]/shimx64.efi'
const PXE = uefi('PXEClient')

function addressOf(reply: Buffer | undefined): Ipv6 | undefined {
  return readAssociations(replyOf(reply).options)[0]?.addresses[0]
}

function statusOf(reply: Buffer | undefined): number | undefined {
  const { options } = replyOf(reply)
  const value = optionValue(options, OPTION.statusCode)
  return value && Buffer.from(value).readUInt16BE()
}

function codes(reply: Buffer | undefined): readonly number[] {
  return replyOf(reply).options.map(({ code }) => code)
}

t.test('SOLICIT, ADVERTISE, REQUEST, REPLY: an address, a lease to save and a bootfile', async (t) => {
  const { ask, boot } = handlerOf({}, URL)
  const offer = ask(message('solicit', [CLIENT_ID_OPTION, WISH, ...PXE]))
  t.match(replyOf(offer.reply), { type: MESSAGE.advertise, transactionId: 0xabcdef })
  t.same(codes(offer.reply), [1, 2, 3, 7, 23, 59], 'the name server, for it was asked for')
  t.same(optionValue(replyOf(offer.reply).options, OPTION.preference), Buffer.of(255), 'there is no other server')
  t.match(offer, { leases: [], event: { kind: 'offer', mac: MAC, stage: 'firmware', arch: 'x64-uefi' } })

  const ack = ask(message('request', [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH, ...PXE]))
  const address = addressOf(ack.reply)
  t.equal(address, addressOf(offer.reply))
  t.equal(replyOf(ack.reply).type, MESSAGE.reply)
  t.match(ack.event, { kind: 'ack', address, detail: `${address} leased for 3600 s`, lease: { what: 'assigned' } })
  t.match(ack.leases, [{ address, identity: MAC, state: 'bound', expiresAt: NOW + 3_600_000 }])
  t.same(boot.asked.at(-1), {
    client: { mac: MAC, address, arch: 'x64-uefi', stage: 'firmware', uuid: undefined },
    server: SERVER
  })
})

t.test('a message that is not for us, or from nobody, gets no answer', async (t) => {
  const { ask } = handlerOf({}, URL)
  const otherServer = option(OPTION.serverId, '00030001525400000099')
  const silent = [
    message('solicit', [WISH]),
    message('solicit', [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH]),
    message('request', [CLIENT_ID_OPTION, WISH]),
    message('request', [CLIENT_ID_OPTION, otherServer, WISH]),
    message('renew', [CLIENT_ID_OPTION, otherServer, WISH]),
    message('rebind', [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH]),
    message('informationRequest', [otherServer]),
    message('confirm', [CLIENT_ID_OPTION, WISH]),
    message('advertise', [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH]),
    message('reply', [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH])
  ]
  for (const one of silent) t.same(ask(one), { leases: [], reply: undefined, event: undefined })
  const elsewhere = { name: 'other', addresses: ['fd00:99::1'] }
  t.equal(ask(message('solicit', [CLIENT_ID_OPTION, WISH]), { link: elsewhere }).reply, undefined)
})

t.test('who renews or rebinds keeps its address, and loses any that is not its own', async (t) => {
  const { ask } = handlerOf()
  const own = addressOf(ask(message('solicit', [CLIENT_ID_OPTION, WISH])).reply) ?? ''
  const had = association(IAID, [
    { address: own, lifetimeSeconds: 1 },
    { address: 'fd00:99::9', lifetimeSeconds: 1 }
  ])
  for (const one of [
    message('renew', [CLIENT_ID_OPTION, SERVER_ID_OPTION, had]),
    message('rebind', [CLIENT_ID_OPTION, had])
  ]) {
    const { reply, leases, event } = ask(one)
    const value = optionValue(replyOf(reply).options, OPTION.iaNa)
    t.same(readAssociations(replyOf(reply).options), [{ iaid: IAID, addresses: [own, 'fd00:99::9'] }])
    t.equal(Buffer.from(value ?? '').readUInt32BE(12 + 28 + 20), 0, 'the foreign one is over at once')
    t.match(leases, [{ address: own }])
    t.match(event, { kind: 'ack', stage: 'system' })
  }
})

t.test('of two wishes of one machine the first is met', async (t) => {
  const { ask } = handlerOf()
  const { reply, leases } = ask(message('request', [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH, association(9, [])]))
  t.match(readAssociations(replyOf(reply).options), [{ addresses: [leases[0]?.address] }, { iaid: 9, addresses: [] }])
  t.equal(leases.length, 1)
})

t.test('who wants no address gets none, and nothing is saved', async (t) => {
  const { ask } = handlerOf({}, URL)
  const { reply, leases } = ask(message('request', [CLIENT_ID_OPTION, SERVER_ID_OPTION, ...PXE]))
  t.same(codes(reply), [1, 2, 23, 59])
  t.same(leases, [])
})

t.test('CONFIRM asks only whether addresses are of this link', async (t) => {
  const { ask } = handlerOf()
  const confirm = (address: Ipv6) =>
    ask(message('confirm', [CLIENT_ID_OPTION, association(IAID, [{ address, lifetimeSeconds: 1 }])]))
  t.equal(statusOf(confirm('fd00:77::1234').reply), STATUS.success)
  t.equal(statusOf(confirm('fd00:78::1234').reply), STATUS.notOnLink)
})

t.test('RELEASE and DECLINE end a lease; one that is none is told so', async (t) => {
  const { ask } = handlerOf()
  const bind = () => ask(message('request', [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH])).leases[0]?.address ?? ''
  const address = bind()
  const had = association(IAID, [{ address, lifetimeSeconds: 0 }])
  const released = ask(message('release', [CLIENT_ID_OPTION, SERVER_ID_OPTION, had]))
  t.equal(statusOf(released.reply), STATUS.success)
  t.match(released, { leases: [{ address, state: 'released' }], event: { kind: 'release', address } })
  const again = ask(message('release', [CLIENT_ID_OPTION, SERVER_ID_OPTION, had]))
  t.match(again, { leases: [], event: undefined })
  const value = Buffer.from(optionValue(replyOf(again.reply).options, OPTION.iaNa) ?? '')
  t.equal(value.readUInt16BE(16), STATUS.noBinding)

  t.equal(bind(), address)
  const declined = ask(message('decline', [CLIENT_ID_OPTION, SERVER_ID_OPTION, had]))
  t.match(declined, { leases: [{ address, state: 'declined' }], event: { kind: 'decline', address } })
  t.not(bind(), address, 'it rests')
})

t.test('who has an address from elsewhere asks for the rest', async (t) => {
  const { ask } = handlerOf({}, URL)
  t.same(codes(ask(message('informationRequest', [option(OPTION.optionRequest, '0017')])).reply), [2, 23])
  t.same(codes(ask(message('informationRequest', [CLIENT_ID_OPTION, ...PXE])).reply), [1, 2, 23, 59])
  t.equal(ask(message('informationRequest', [CLIENT_ID_OPTION])).reply, undefined, 'there is nothing to say')
})

/** DUID-UUID of an invented machine, which asks from an address that shows no MAC. */
const invented = (i: number) => option(OPTION.clientId, `0004${i.toString(16).padStart(32, '0')}`)
const ANYWHERE = 'fe80::1'
const LIMITS = { strangersPerSecond: 30, strangersPerSecondPerLink: 10, packetsPerSecondPerMachine: 2 }

t.test(
  'a flood of invented machines: known hosts and holders of leases are served, the rest at its rate',
  async (t) => {
    const known = '52:54:00:77:00:02'
    const { ask, handler } = handlerOf({ limits: LIMITS }, undefined, (identity) => identity === known)
    const request = (id = CLIENT_ID_OPTION) => message('request', [id, SERVER_ID_OPTION, WISH])
    const had = addressOf(ask(request()).reply)
    const flood = (count: number, now: number) => {
      const outcomes = Array.from({ length: count }, (_, i) =>
        ask(request(invented(now + i)), { source: ANYWHERE, now })
      )
      t.ok(outcomes.every(({ refusal, reply, leases }) => (refusal ? !reply && leases.length === 0 : reply)))
      return outcomes.filter(({ refusal }) => refusal === undefined).length
    }
    t.equal(flood(3000, NOW), 99, 'ten seconds’ worth, one of them taken')
    t.equal(flood(3000, NOW + 1000), 10)
    t.match(handler.usage(NOW + 1000), [{ bound: 110 }])
    t.equal(
      ask(message('solicit', [CLIENT_ID_OPTION, WISH]), { source: ANYWHERE, now: NOW + 1000 }).refusal,
      'strangers-of-link'
    )
    const renewed = ask(message('renew', [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH]), { now: NOW + 1000 })
    t.equal(addressOf(renewed.reply), had, 'a lease')
    const host = ask(message('solicit', [invented(-1), WISH]), { source: 'fe80::5054:ff:fe77:2', now: NOW + 1000 })
    t.match(host.event, { kind: 'offer', mac: known }, 'a known host')
  }
)

t.test(
  'a machine that can not stop is not heard beyond its rate, nor is who asks for nothing but information',
  async (t) => {
    const { ask } = handlerOf({ limits: LIMITS }, URL, () => true)
    const heard = (one: Parameters<typeof ask>[0], source: Ipv6) =>
      Array.from({ length: 9 }, () => ask(one, { source }).refusal ?? 'heard')
    const four = [...Array(4).fill('heard'), ...Array(5).fill('packets-of-machine')]
    t.same(heard(message('solicit', [CLIENT_ID_OPTION, WISH]), SOURCE), four)
    t.same(heard(message('informationRequest', PXE), ANYWHERE), four)
  }
)

t.test('stateless: only boot options, only to machines that boot, and again on port 4011', async (t) => {
  const { ask } = handlerOf({ mode: 'stateless', subnets: [] }, URL)
  const offer = ask(message('solicit', [CLIENT_ID_OPTION, WISH, ...PXE]))
  t.equal(replyOf(offer.reply).type, MESSAGE.advertise)
  t.same(codes(offer.reply), [1, 2, 59, 16])
  t.match(offer, { leases: [], event: { kind: 'proxy-offer', address: undefined } })
  const ack = ask(message('request', [CLIENT_ID_OPTION, SERVER_ID_OPTION, ...PXE]), { port: 4011 })
  t.equal(replyOf(ack.reply).type, MESSAGE.reply)
  t.same(codes(ack.reply), [1, 2, 59, 16])

  for (const one of [
    message('solicit', [CLIENT_ID_OPTION, WISH]),
    message('informationRequest', [CLIENT_ID_OPTION]),
    message('renew', [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH, ...PXE])
  ]) {
    t.equal(ask(one).reply, undefined)
  }
  t.same(codes(ask(message('informationRequest', [CLIENT_ID_OPTION, ...PXE])).reply), [1, 2, 59, 16])
  const { ask: askIdle } = handlerOf({ mode: 'stateless', subnets: [] }, undefined)
  t.equal(askIdle(message('solicit', [CLIENT_ID_OPTION, WISH, ...PXE])).reply, undefined, 'nothing to boot')
})

t.test('behind a relay agent the link is what that names, nearest to the client first', async (t) => {
  const far = { subnet: { network: 'fd00:99::', prefix: 64 }, leaseSeconds: 60, dns: [] }
  const { ask } = handlerOf({ subnets: [far] }, URL)
  const solicit = bytesOf(message('solicit', [CLIENT_ID_OPTION, WISH, ...PXE]))
  const near = relayed(solicit, 'fd00:99::1', SOURCE, [option(OPTION.interfaceId, '01')])
  const twice = relayed(near, '::', 'fd00:99::1', [option(OPTION.interfaceId, '02')])
  const { reply } = ask(decodeDhcp6(twice), { source: 'fd00:77::2' })
  const { relays } = decodeDhcp6(reply ?? Buffer.alloc(0))
  t.same(
    relays.map(({ options }) => options),
    [[option(OPTION.interfaceId, '02')], [option(OPTION.interfaceId, '01')]]
  )
  t.match(addressOf(reply), /^fd00:99:/)
  const nowhere = relayed(solicit, 'fd00:98::1', SOURCE, [])
  t.equal(ask(decodeDhcp6(nowhere)).reply, undefined, 'a link that we do not serve')
  const unnamed = relayed(solicit, '::', SOURCE, [])
  t.equal(ask(decodeDhcp6(unnamed)).reply, undefined, 'and one that nobody names')
})

t.test('what we call ourselves: the setting, else our address of the subnet, else any of the card', async (t) => {
  const server = (settings: Parameters<typeof handlerOf>[0], addresses: readonly Ipv6[]) => {
    const { ask, boot } = handlerOf(settings, URL)
    const { reply } = ask(message('informationRequest', [CLIENT_ID_OPTION, ...PXE]), {
      link: { name: 'lan', addresses }
    })
    return reply && boot.asked[0]?.server
  }
  t.equal(server({ serverAddress: 'fd00::5' }, ['2001:db8::1', SERVER]), 'fd00::5')
  t.equal(server({}, ['2001:db8::1', SERVER]), SERVER)
  t.equal(server({ mode: 'stateless', subnets: [] }, ['2001:db8::1', SERVER]), '2001:db8::1')
  t.equal(server({ mode: 'stateless', subnets: [] }, []), undefined)
})

t.test('leases of the store are kept', async (t) => {
  const { handler, ask } = handlerOf()
  const address = addressOf(ask(message('solicit', [CLIENT_ID_OPTION, WISH])).reply) ?? ''
  const row = { address, identity: '52:54:00:00:00:99', duid: '', state: 'bound', expiresAt: NOW + 1, updatedAt: NOW }
  handler.restore([{ ...row, state: 'bound' }])
  t.not(addressOf(ask(message('solicit', [CLIENT_ID_OPTION, WISH])).reply), address)
})

t.test('who showed its MAC once is known by its DUID, from whatever address it asks', async (t) => {
  const { ask, boot } = handlerOf({ mode: 'stateless', subnets: [] }, URL)
  const duid = option(OPTION.clientId, '00040062616c000000408000525400770001')
  const again = message('request', [duid, SERVER_ID_OPTION, ...PXE])
  const elsewhere = { source: 'fd00:77::1eb', port: 4011 } as const
  ask(again, elsewhere)
  t.equal(boot.asked.at(-1)?.client.mac, undefined)
  ask(message('solicit', [duid, WISH, ...PXE]))
  ask(again, elsewhere)
  t.equal(boot.asked.at(-1)?.client.mac, MAC)
})
