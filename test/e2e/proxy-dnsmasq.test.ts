import './support/inside.ts'
import t from 'tap'
import { bootBeside, UNTOUCHED } from './support/proxy.ts'

const DNSMASQ =
  'dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --port=0 --leasefile-ro --no-ping ' +
  '--interface=eth0 --dhcp-authoritative --dhcp-range=10.77.0.50,10.77.0.59,1h'

await bootBeside(t, UNTOUCHED, (namespace) => namespace.daemon(/DHCP, IP range/, DNSMASQ))
