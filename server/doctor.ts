// What is missing or wrong on this machine, each with the line that mends it.
import type { Clock } from './clock.ts'
import { type Config, ConfigError, DEFAULT_CONFIG_PATH, EXAMPLE_CONFIG_PATH, loadConfig } from './config.ts'
import { type Finding, fine, wrong } from './doctor/finding.ts'
import { examinePackages } from './doctor/packages.ts'
import { examinePorts } from './doctor/ports.ts'
import { examineDhcpServers } from './doctor/probe.ts'
import { examineRights } from './doctor/rights.ts'
import type { Mac } from './net/mac.ts'

export type { Finding } from './doctor/finding.ts'

const LEAST_NODE = 24

export interface DoctorOptions {
  readonly configPath: string
  /** Ask for other DHCP servers on every interface, even when the configuration names none. */
  readonly probe: boolean
  readonly clock: Clock
  /** For the probe: nobody else's. */
  readonly mac: Mac
  readonly xid: number
}

export async function diagnose(options: DoctorOptions): Promise<readonly Finding[]> {
  const { config, findings } = await examineConfig(options.configPath)
  const general = [judgeNode(process.versions.node), ...findings, ...(await examinePackages())]
  if (!config) return general
  return [
    ...general,
    ...(await examineRights(config)),
    ...(await examinePorts(config)),
    ...(await examineNetwork(config, options))
  ]
}

export function judgeNode(version: string): Finding {
  return Number(version.split('.')[0]) >= LEAST_NODE
    ? fine('Node', version)
    : wrong('Node', `${version} is too old`, `install Node ${LEAST_NODE} or newer`)
}

async function examineConfig(file: string): Promise<{ config: Config | undefined; findings: readonly Finding[] }> {
  try {
    return { config: await loadConfig(file), findings: [fine(`configuration ${file}`, 'valid')] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const subject = `configuration ${file}`
    if (error.code !== 'CONFIG_INVALID') {
      return {
        config: undefined,
        findings: [wrong(subject, error.message, mendMissing(error.code, file))]
      }
    }
    const findings = error.mistakes.map(({ path, message, line }) =>
      wrong(
        subject,
        [path, message].filter(Boolean).join(': '),
        line === undefined ? `edit ${file}` : `edit line ${line}`
      )
    )
    return { config: undefined, findings }
  }
}

function mendMissing(code: ConfigError['code'], file: string): string {
  if (code === 'CONFIG_UNREADABLE') return `ls -l ${file}; run the doctor as root, or as who may read it`
  return file === DEFAULT_CONFIG_PATH
    ? 'rootcast serve makes one from the example'
    : `install -D -m 644 ${EXAMPLE_CONFIG_PATH} ${file}`
}

async function examineNetwork({ dhcp }: Config, options: DoctorOptions): Promise<readonly Finding[]> {
  if (!options.probe && dhcp.interfaces.length === 0) return []
  return examineDhcpServers(dhcp.mode, dhcp.interfaces, options)
}
