// The TFTP servers that people use today, each set up to serve as many clients as come.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import npmTftpPackage from 'tftp/package.json' with { type: 'json' }
import { cacheDirectory, ROOT } from '../cache.ts'
import type { Material } from '../material.ts'
import { type Contender, debianVersion, plainName } from './contender.ts'
import { rootcast } from './rootcast.ts'

const READY = [{ protocol: 'udp', port: 69 }] as const

export interface TftpContender extends Contender {
  /** Whether it knows RFC 7440; without it every request is served in lockstep. */
  readonly hasWindows: boolean
}

export function tftpContenders(material: Material, address: string): readonly TftpContender[] {
  return [
    { ...rootcast(material, { address }), hasWindows: true },
    { ...rootcast(material, { address, tftp: { engine: 'plain' } }), hasWindows: true },
    atftpd(material, address),
    dnsmasq(material, address),
    tftpdHpa(material, address),
    npmTftp(material, address)
  ]
}

function dnsmasq({ plain }: Material, address: string): TftpContender {
  const command = [
    'dnsmasq',
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--user=root',
    '--pid-file=',
    '--port=0',
    '--log-facility=/dev/null',
    '--enable-tftp',
    '--tftp-max=1000', // of itself 50
    `--tftp-root=${plain}`,
    `--listen-address=${address}`,
    '--bind-interfaces'
  ]
  return {
    name: 'dnsmasq',
    version: debianVersion('dnsmasq-base'),
    nameOf: plainName,
    hasWindows: false,
    server: () => ({ command, ready: READY })
  }
}

function tftpdHpa({ plain }: Material, address: string): TftpContender {
  const command = ['in.tftpd', '--foreground', '--secure', '--user', 'root', '--address', `${address}:69`, plain]
  return {
    name: 'tftpd-hpa',
    version: debianVersion('tftpd-hpa'),
    nameOf: plainName,
    hasWindows: false,
    server: () => ({ command, ready: READY })
  }
}

function atftpd({ plain }: Material, address: string): TftpContender {
  const options = [
    '--daemon',
    '--no-fork',
    '--user',
    'root',
    '--group',
    'root',
    '--logfile',
    '/dev/null',
    '--no-multicast'
  ]
  const command = [unpackedAtftpd(), ...options, '--maxthread', '1000', '--bind-address', address, plain]
  return {
    name: 'atftpd',
    version: ATFTPD_VERSION,
    nameOf: plainName,
    hasWindows: true,
    server: () => ({ command, ready: READY })
  }
}

const ATFTPD_VERSION = '0.8.0'

/** Debian's atftpd and tftpd-hpa can't be installed together: this one is unpacked. */
function unpackedAtftpd(): string {
  const directory = cacheDirectory('atftpd')
  const program = path.join(directory, 'usr/sbin/atftpd')
  if (!existsSync(program)) throw new Error('atftpd is not unpacked')
  return program
}

/** Before the network is left behind. */
export function unpackAtftpd(): void {
  const directory = cacheDirectory('atftpd')
  if (existsSync(path.join(directory, 'usr/sbin/atftpd'))) return
  execFileSync('apt-get', ['download', 'atftpd'], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
  execFileSync('sh', ['-c', 'dpkg-deb -x atftpd_*.deb .'], { cwd: directory })
}

function npmTftp({ plain }: Material, address: string): TftpContender {
  const command = [process.execPath, path.join(import.meta.dirname, 'npm-tftp.js'), address, plain]
  return {
    name: 'npm tftp',
    version: npmTftpPackage.version,
    nameOf: plainName,
    hasWindows: true,
    server: () => ({ command, ready: READY, cwd: ROOT })
  }
}
