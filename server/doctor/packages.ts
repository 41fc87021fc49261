// The Debian packages that serving needs, against those that are installed.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Finding, fine, wrong } from './finding.ts'

const PACKAGE_LIST = path.join(import.meta.dirname, '../../config/debian-packages.txt')

export interface NeededPackage {
  readonly name: string
  readonly purpose: string
  readonly use: string
}

/** Lines of `name purpose use`; `#` begins a comment. setup.sh reads the same file. */
export function parsePackageList(text: string): readonly NeededPackage[] {
  return text.split('\n').flatMap((line) => {
    const [, name, purpose, use] = /^([^#\s]\S*)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return name && purpose && use ? [{ name, purpose, use }] : []
  })
}

export async function examinePackages(): Promise<readonly Finding[]> {
  const needed = parsePackageList(await readFile(PACKAGE_LIST, 'utf8')).filter(({ purpose }) => purpose === 'serve')
  return judgePackages(needed, await installedPackages(needed.map(({ name }) => name)))
}

/** @param installed undefined where dpkg is not the package manager. */
export function judgePackages(
  needed: readonly NeededPackage[],
  installed: ReadonlySet<string> | undefined
): readonly Finding[] {
  if (!installed) {
    const names = needed.map(({ name }) => name).join(' ')
    return [
      wrong('Debian packages', 'this is not a Debian system', `install what these Debian packages hold: ${names}`)
    ]
  }
  return needed.map(({ name, use }) =>
    installed.has(name)
      ? fine(`package ${name}`, 'installed')
      : wrong(`package ${name}`, `missing: ${use}`, `apt-get install -y --no-install-recommends ${name}`)
  )
}

async function installedPackages(names: readonly string[]): Promise<ReadonlySet<string> | undefined> {
  const format = `\${db:Status-Status} \${Package}\n`
  const stdout = await promisify(execFile)('dpkg-query', ['-W', '-f', format, ...names]).then(
    (done) => done.stdout,
    // Exit status 1 when one of the names is unknown; the others are listed all the same.
    (error: { code?: unknown; stdout?: string }) => (error.code === 'ENOENT' ? undefined : (error.stdout ?? ''))
  )
  if (stdout === undefined) return undefined
  const lines = stdout.split('\n').map((line) => line.split(' '))
  return new Set(lines.flatMap(([status, name]) => (status === 'installed' && name ? [name] : [])))
}
