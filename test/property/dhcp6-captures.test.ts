// What real firmware sent over IPv6: each message is decoded, survives being written again byte for byte, and is answered.
// The goldens beside the captures hold it all in readable form; UPDATE=1 writes them anew, and their diff is reviewed like code.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { factsOf } from '../../server/dhcp6/facts.ts'
import { decodeDhcp6, encodeMessage } from '../../server/dhcp6/packet.ts'
import { MESSAGE, OPTION } from '../../server/dhcp6/registry.ts'
import type { Dhcp6Config } from '../../server/dhcp6/settings.ts'
import { handlerOf, readable, replyOf, SERVER_ID_OPTION } from '../support/dhcp6-messages.ts'
import { type CapturedDatagram, readPcap6 } from '../support/pcap.ts'

const CAPTURES = join(import.meta.dirname, '../fixtures/captures6')
const PORTS = [546, 547, 4011]
const FROM_SERVER: readonly number[] = [MESSAGE.advertise, MESSAGE.reply]

type Captured = readonly CapturedDatagram<string>[]

/** As if the client had asked us: the server that it names is ours. */
function answers(captured: Captured, mode: Dhcp6Config['mode']): readonly unknown[] {
  const { ask } = handlerOf({ mode }, 'tftp://[fd00:77::1]/shimx64.efi')
  return captured.map(({ payload, source, destination }) => {
    const { message, relays } = decodeDhcp6(payload)
    const options = message.options.filter(({ code }) => code !== OPTION.serverId)
    const own = options.length < message.options.length ? [...options, SERVER_ID_OPTION] : options
    const port = destination.port === 4011 ? 4011 : 547
    const { reply } = ask({ message: { ...message, options: own }, relays }, { source: source.address, port })
    return reply ? readable(replyOf(reply)) : null
  })
}

function described(captured: Captured): unknown {
  const authoritative = answers(captured, 'authoritative')
  const stateless = answers(captured, 'stateless')
  return captured.map(({ payload, source }, i) => {
    const received = decodeDhcp6(payload)
    const message = readable(received.message)
    if (FROM_SERVER.includes(received.message.type)) return { message }
    const { stage, arch, vendor, uuid, mac } = factsOf(received, source.address)
    const facts = { stage, arch, vendor, uuid, mac }
    return { message, facts, authoritative: authoritative[i], stateless: stateless[i] }
  })
}

for (const path of globSync(join(CAPTURES, '*.pcap')).sort()) {
  const captured = readPcap6(path).filter(({ source }) => PORTS.includes(source.port))
  t.test(basename(path), async (t) => {
    for (const { payload } of captured) t.same(encodeMessage(decodeDhcp6(payload).message), payload)
    const found = `${JSON.stringify(described(captured), null, 2)}\n`
    const golden = path.replace(/\.pcap$/, '.dhcp6.json')
    if (process.env.UPDATE === '1') writeFileSync(golden, found)
    t.equal(found, readFileSync(golden, 'utf8'))
  })
}
