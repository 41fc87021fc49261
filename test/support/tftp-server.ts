// A TFTP server on loopback for tests, with names from a table.
import { pino } from 'pino'
import type { Resource, TransferReport } from '../../server/boot/model.ts'
import { systemClock } from '../../server/clock.ts'
import { linkedInterfaces } from '../../server/net/interfaces.ts'
import { plainUdp, type UdpEngine } from '../../server/net/udp.ts'
import { loadNativeUdp } from '../../server/net/udp-native.ts'
import { startTftpServer, type TftpOptions, type TftpServer } from '../../server/tftp/server.ts'

export interface TestTftpServer extends AsyncDisposable {
  readonly server: TftpServer
  readonly at: { readonly address: string; readonly port: number }
  readonly reports: TransferReport[]
}

/** Both engines: where tests run, the native one must be there. */
export async function udpEngines(): Promise<readonly UdpEngine[]> {
  const native = await loadNativeUdp(systemClock)
  if (!native) throw new Error('the native UDP engine does not work here')
  return [plainUdp, native]
}

export async function serveTftp(
  resources: Readonly<Record<string, Resource>>,
  options: Partial<TftpOptions> = {}
): Promise<TestTftpServer> {
  const reports: TransferReport[] = []
  const server = await startTftpServer({
    addresses: ['127.0.0.1'],
    port: 0,
    udp: plainUdp,
    interfaces: { current: linkedInterfaces(), onChange: () => () => undefined },
    resolve: async ({ name }) => resources[name],
    report: (report) => reports.push(report),
    clock: systemClock,
    log: pino({ level: process.env.LOG_LEVEL ?? 'silent' }),
    ...options
  })
  const address = options.addresses?.[0] ?? '127.0.0.1'
  return {
    server,
    at: { address, port: server.port },
    reports,
    [Symbol.asyncDispose]: () => server.close()
  }
}

export function text(body: string | Buffer): Resource {
  return { kind: 'text', body: Buffer.from(body), mediaType: 'text/plain' }
}

export function file(path: string, sizeBytes: number): Extract<Resource, { kind: 'file' }> {
  return { kind: 'file', path, sizeBytes, digest: undefined, mediaType: 'application/octet-stream', modifiedAt: 0 }
}
