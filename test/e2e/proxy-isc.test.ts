import './support/inside.ts'
import t from 'tap'
import { bootBeside, NEXT_SERVER_IS_OURS } from './support/proxy.ts'

const CONFIG = `ddns-update-style none;
authoritative;
subnet 10.77.0.0 netmask 255.255.255.0 { range 10.77.0.50 10.77.0.59; option routers 10.77.0.2; next-server 10.77.0.1; }
`

await bootBeside(t, NEXT_SERVER_IS_OURS, async (namespace) => {
  await namespace.exec('sh', '-c', `printf '%s' '${CONFIG}' >/run/dhcpd.conf; : >/run/dhcpd.leases`)
  // By its path, for the npm package dhcp has a program of the same name.
  await namespace.daemon(
    /Server starting service/,
    '/usr/sbin/dhcpd -4 -f -d -cf /run/dhcpd.conf -lf /run/dhcpd.leases -pf /run/dhcpd.pid eth0'
  )
})
