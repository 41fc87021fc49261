// The doctor's question for other DHCP servers, answered by dnsmasq.
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { examineDhcpServers } from '../../server/doctor/probe.ts'
import { enterOwnNetwork, ip, Namespace } from '../support/netns.ts'

const options = { clock: systemClock, mac: '02:00:00:00:00:07', xid: 7 }

t.test('another DHCP server is found, and the loneliness of a network too', async (t) => {
  await enterOwnNetwork()
  await using neighbour = await Namespace.create()
  await neighbour.cable('served', 'eth0')
  await ip('addr add 192.168.77.1/24 dev served')
  await neighbour.exec('ip', 'addr', 'add', '192.168.77.2/24', 'dev', 'eth0')

  t.match(await examineDhcpServers('authoritative', ['served'], options), [
    { subject: 'DHCP servers on served', ok: true, detail: 'none answers' }
  ])
  await neighbour.daemon(
    /DHCP, IP range/,
    'dnsmasq --no-daemon --port=0 --user=root --interface=eth0 --dhcp-range=192.168.77.50,192.168.77.60 --dhcp-leasefile=/run/leases'
  )
  t.match(await examineDhcpServers('authoritative', ['served'], options), [
    { ok: false, detail: 'answers: 192.168.77.2', mend: /dhcp\.mode: proxy/ }
  ])
  t.match(await examineDhcpServers('proxy', ['served'], options), [{ ok: true }])
})
