// The whole daemon with foreign clients of every protocol, and what a foreign parser reads at /metrics.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { startDaemon } from '../../server/daemon.ts'
import { temporaryDirectory, testConfig } from '../support/cli.ts'
import { form } from '../support/form.ts'
import { readableLog } from '../support/log-lines.ts'
import { enterOwnNetwork, ip, Namespace, settled, settledIn } from '../support/netns.ts'
import { layer } from '../support/squashfs.ts'

const run = promisify(execFile)
await enterOwnNetwork()

const SERVER = '192.168.77.1'
const SUBNET = { subnet: '192.168.77.0/24', pools: [{ from: '192.168.77.100', to: '192.168.77.149' }] }
const LOADER = 'shimx64.efi'

/** Reads both formats with the Prometheus project's own Python client; its parser of OpenMetrics is a strict one. */
const PARSER = `
import json, sys
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
parse = openmetrics.text_string_to_metric_families if sys.argv[1] == 'openmetrics' else parser.text_string_to_metric_families
families = list(parse(sys.stdin.read()))
print(json.dumps({
  'types': {family.name: family.type for family in families},
  'samples': [[sample.name, sample.labels, sample.value] for family in families for sample in family.samples]
}))
`

interface Parsed {
  readonly types: Readonly<Record<string, string>>
  readonly samples: readonly (readonly [name: string, labels: Readonly<Record<string, string>>, value: number])[]
}

async function parsed(format: 'prometheus' | 'openmetrics', text: string): Promise<Parsed> {
  // Debian's own, for which the package is.
  const reading = run('/usr/bin/python3', ['-c', PARSER, format])
  reading.child.stdin?.end(text)
  return JSON.parse((await reading).stdout)
}

function sumOf({ samples }: Parsed, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return samples
    .filter((sample) => sample[0] === name && Object.entries(labels).every(([key, value]) => sample[1][key] === value))
    .reduce((sum, [, , value]) => sum + value, 0)
}

t.test('what clients did is what a scraper reads', { timeout: 120_000 }, async (t) => {
  await using client = await Namespace.create()
  await client.cable('srv0', 'eth0')
  await ip(`addr add ${SERVER}/24 dev srv0`)
  await ip('addr add fd00:77::1/64 dev srv0 nodad')
  const directory = await temporaryDirectory(t)
  const config = testConfig(directory, {
    dhcp: { mode: 'authoritative', interfaces: ['srv0'], subnets: [SUBNET] },
    dhcp6: { mode: 'authoritative', interfaces: ['srv0'], subnets: [{ subnet: 'fd00:77::/64' }] },
    tftp: { addresses: [SERVER] },
    http: { boot: { address: [SERVER, '::'] }, admin: { port: 0 } }
  })
  const { log, lines } = readableLog()
  const daemon = await startDaemon(config, { clock: systemClock, log })
  t.teardown(() => daemon.close())
  const headers = { authorization: `Bearer ${(await readFile(daemon.tokenFile, 'utf8')).trim()}` }
  const scrape = async (accept: string) => {
    const response = await fetch(`${daemon.adminUrl}/metrics`, { headers: { ...headers, accept } })
    t.equal(response.status, 200)
    return response.text()
  }
  const now = async () => parsed('openmetrics', await scrape('application/openmetrics-text; version=1.0.0'))

  const before = await now()
  t.equal(sumOf(before, 'rootcast_dhcp_pool_addresses', { subnet: '192.168.77.0/24' }), 50)
  t.equal(sumOf(before, 'rootcast_tftp_requests_total'), 0)

  const { payload, headers: type } = form(
    ['version', '1'],
    ['kernel', Buffer.alloc(300_000, 'k')],
    ['initrd', Buffer.alloc(200_000, 'i')],
    ['layer', layer('root')]
  )
  const publishing = { method: 'POST', headers: { ...headers, ...type }, body: payload }
  const published = await fetch(`${daemon.adminUrl}/api/v1/images/lab/versions`, publishing)
  const { kernel }: { kernel: { digest: string } } = JSON.parse(await published.text())
  const blob = `blobs/${kernel.digest.replace(':', '/')}`

  const udhcpc = await client.exec('busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-s', '/bin/true')
  t.equal(udhcpc.code, 0, udhcpc.stderr)
  await client.exec('ip', 'addr', 'add', '192.168.77.50/24', 'dev', 'eth0')
  await Promise.all([settled('srv0'), settledIn(client, 'eth0')])
  // Without a script of its own it can't configure its card, which is all the same here.
  const dhclient6 = ['-6', '-1', '-lf', '/run/leases6', '-pf', '/run/pid6', '-sf', '/bin/true', 'eth0']
  await client.exec('dhclient', ...dhclient6)
  const got = path.join(directory, 'got')
  const atftp = await client.exec('atftp', '--get', '-r', LOADER, '-l', got, SERVER)
  t.equal(atftp.code, 0, atftp.stderr)
  const loader = (await readFile(got)).length
  await client.exec('atftp', '--get', '-r', 'nosuch', '-l', got, SERVER)
  const curl = await client.exec('curl', '-sSf', '-o', got, `http://${SERVER}/${blob}`)
  t.equal(curl.code, 0, curl.stderr)
  await client.exec('curl', '-s', '-o', got, `http://${SERVER}/nosuch`)

  const after = await now()
  const rises = (name: string, labels?: Readonly<Record<string, string>>) =>
    sumOf(after, name, labels) - sumOf(before, name, labels)
  t.equal(rises('rootcast_dhcp_events_total', { kind: 'ack' }), 1)
  t.ok(rises('rootcast_dhcp_received_bytes_total') >= 2 * 240)
  t.ok(rises('rootcast_dhcp_sent_bytes_total') >= 2 * 240)
  t.ok(rises('rootcast_dhcp_answer_seconds_count') >= 2)
  t.equal(rises('rootcast_dhcp_commit_leases_sum'), 1)
  t.ok(rises('rootcast_dhcp_commit_seconds_sum') > 0)
  t.equal(sumOf(after, 'rootcast_dhcp_leases', { state: 'bound' }), 1)
  for (const type of ['discover', 'request']) {
    t.ok(rises('rootcast_dhcp_received_messages_total', { type }) >= 1, type)
  }
  t.equal(rises('rootcast_dhcp6_received_messages_total', { type: 'solicit' }), 1)
  t.equal(rises('rootcast_dhcp6_received_messages_total', { type: 'request' }), 1)
  t.equal(rises('rootcast_dhcp6_sent_packets_total'), 2)
  t.ok(rises('rootcast_dhcp6_sent_bytes_total') > 100)
  t.equal(rises('rootcast_dhcp6_events_total', { kind: 'ack' }), 1)
  t.equal(rises('rootcast_dhcp6_answer_seconds_count'), 2)
  t.equal(rises('rootcast_dhcp6_commit_leases_sum'), 1)
  t.equal(rises('rootcast_dhcp6_dropped_packets_total'), 0)
  t.equal(sumOf(after, 'rootcast_dhcp6_leases', { subnet: 'fd00:77::/64', state: 'bound' }), 1)
  t.ok(rises('rootcast_tftp_sent_bytes_total') >= loader)
  t.equal(rises('rootcast_tftp_transfers_total', { outcome: 'ok' }), 1)
  t.equal(rises('rootcast_tftp_errors_total', { code: '1' }), 1)
  t.equal(rises('rootcast_tftp_first_ack_seconds_count'), 1)
  t.equal(rises('rootcast_tftp_transfer_seconds_count'), 1)
  t.equal(rises('rootcast_http_answers_total', { code: '200' }), 1)
  t.equal(rises('rootcast_http_answers_total', { code: '404' }), 1)
  t.equal(rises('rootcast_http_sent_bytes_total'), 300_000)
  t.equal(rises('rootcast_http_transfers_total', { outcome: 'ok' }), 1)
  t.equal(rises('rootcast_http_first_byte_seconds_count'), 2)
  t.ok(rises('rootcast_http_first_byte_seconds_sum') <= rises('rootcast_http_request_seconds_sum'))
  t.equal(rises('rootcast_http_request_seconds_count'), 2)
  t.equal(sumOf(after, 'rootcast_http_dropped_connections_total'), 0)
  t.equal(sumOf(after, 'rootcast_image_versions'), 1)
  t.ok(sumOf(after, 'rootcast_image_store_bytes') > 500_000)
  t.ok(sumOf(after, 'process_resident_memory_bytes') > 10e6)
  t.ok(rises('rootcast_event_loop_lag_seconds_count') >= 0)

  const [byTftp, byHttp] = lines().filter(({ msg }) => String(msg).includes('transfer done'))
  t.match(byTftp, { address: '192.168.77.50', file: LOADER, bytes: loader, retransmissions: 0 })
  t.match(byHttp, { address: '192.168.77.50', file: blob, bytes: 300_000, mbPerSecond: Number })

  // The older format says the same; its parser leaves out the ending of a counter's name.
  const older = await parsed('prometheus', await scrape('text/plain'))
  t.same(older.types, after.types)
  t.equal(sumOf(older, 'rootcast_http_sent_bytes_total'), sumOf(after, 'rootcast_http_sent_bytes_total'))
})
