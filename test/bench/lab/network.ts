// The bench's own networks. It runs in a network namespace of its own, with nothing but loopback and one cable to a
// second namespace, `load`, where the machines of DHCP and the boot storm are. All of it ends with the bench.
import { execFileSync, spawnSync } from 'node:child_process'
import { HIERARCHY, removeStrayGroups } from './control-group.ts'

export const SERVER = '10.77.0.1'
/** The relay agent, and the first of the load's addresses. */
export const RELAY = '10.77.0.2'
export const SUBNET = '10.77.0.0/16'
/** The server's end of the cable. */
export const SERVER_LINK = 'srv0'
/** The machines' end of it. */
export const LOAD_LINK = 'cli0'
const LOAD = 'load'

const INSIDE = 'ROOTCAST_BENCH_INSIDE'

export function isInside(): boolean {
  return process.env[INSIDE] !== undefined
}

/** Runs this very command again in namespaces of its own, and answers with its exit status. */
export function runInside(): number {
  const flags = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  // A shell in between, for process 1 has to bury orphans.
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const { status } = spawnSync('unshare', [...flags, 'sh', '-c', '"$@"; exit $?', 'sh', ...command], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' }
  })
  return status ?? 1
}

export function setUpNamespaces(): void {
  run('mount -t sysfs none /sys')
  run('mount -t tmpfs none /run')
  run(`mkdir ${HIERARCHY}`)
  run(`mount -t cgroup2 none ${HIERARCHY}`)
  removeStrayGroups()
  run('ip link set lo up')
  run(`ip netns add ${LOAD}`)
  run(`ip link add ${SERVER_LINK} type veth peer name ${LOAD_LINK} netns ${LOAD}`)
  run(`ip address add ${SERVER}/16 dev ${SERVER_LINK}`)
  run(`ip link set ${SERVER_LINK} up`)
  const there = (line: string) => run(`ip -n ${LOAD} ${line}`)
  there('link set lo up')
  there(`link set ${LOAD_LINK} up`)
  there(`address add ${RELAY}/32 dev ${LOAD_LINK}`)
  // Whatever address a machine is given, it has; but for the server's. Both in the table of local addresses, which a
  // socket is bound by.
  there(`route add unicast ${SERVER}/32 dev ${LOAD_LINK} src ${RELAY} table local`)
  there(`route add local ${SUBNET} dev lo table local`)
}

/** The command as it is run beside the machines. */
export function atLoad(command: readonly string[]): readonly string[] {
  return ['ip', 'netns', 'exec', LOAD, ...command]
}

/** Loses this share of all datagrams, in both directions, until disposed of. */
export function losing(share: number): Disposable {
  if (share === 0) return { [Symbol.dispose]: () => undefined }
  // A message of many datagrams is cut before it is on its way: each of them is lost or not for itself, as on a wire.
  run('ethtool -K lo tx-udp-segmentation off')
  run('nft add table inet bench')
  run('nft add chain inet bench in { type filter hook input priority 0; }')
  // On loopback each datagram passes here once, whichever way it goes.
  run(`nft add rule inet bench in meta l4proto udp numgen random mod 10000 < ${Math.round(share * 10_000)} drop`)
  return {
    [Symbol.dispose]() {
      run('nft delete table inet bench')
      run('ethtool -K lo tx-udp-segmentation on')
    }
  }
}

/** What leaves the server by the cable goes at this rate, and what finds the queue full is lost, until disposed of. */
export function throttled(megabitsPerSecond: number, burstBytes: number, queueBytes: number): Disposable {
  run(`tc qdisc add dev ${SERVER_LINK} root tbf rate ${megabitsPerSecond}mbit burst ${burstBytes} limit ${queueBytes}`)
  return { [Symbol.dispose]: () => run(`tc qdisc del dev ${SERVER_LINK} root`) }
}

function run(line: string): void {
  const [command = '', ...args] = line.split(' ')
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}
