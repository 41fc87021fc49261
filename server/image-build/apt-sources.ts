// Where the packages of a build come from: this machine's own sources for the suite, so that its mirrors and proxies
// count, or else those that the recipe names.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Recipe } from './recipe.ts'

export interface AptSource {
  readonly uri: string
  readonly suite: string
  readonly components: readonly string[]
}

/** Pure: the three archives of a Debian release. Sid and its like have only the first. */
export function recipeSources({ mirror, securityMirror, suite, components }: Recipe, override?: string): AptSource[] {
  const main = { uri: override ?? mirror, suite, components }
  if (suite === 'sid' || suite === 'unstable') return [main]
  return [
    main,
    { uri: override ?? mirror, suite: `${suite}-updates`, components },
    { uri: securityMirror, suite: `${suite}-security`, components }
  ]
}

/** This machine's Debian archives for the recipe's suite; undefined when it has none. Third-party lists don't count. */
export async function hostSources(recipe: Recipe): Promise<AptSource[] | undefined> {
  const format = '$(SITE) $(RELEASE) $(COMPONENT)'
  const listed = await promisify(execFile)('apt-get', [
    'indextargets',
    '--format',
    format,
    'Created-By: Packages'
  ]).catch(() => ({ stdout: '' }))
  return parseIndexTargets(listed.stdout, recipe)
}

/** Pure: `<site> <suite> <component>` lines, as apt-get indextargets prints them. */
export function parseIndexTargets(text: string, { suite, components }: Recipe): AptSource[] | undefined {
  const found = new Map<string, AptSource>()
  for (const line of text.split('\n')) {
    const [uri = '', release = '', component = ''] = line.split(' ')
    const isOurs = release === suite || release === `${suite}-updates` || release === `${suite}-security`
    if (!isOurs || !components.includes(component) || !/\/debian(-security)?\/?$/.test(uri)) continue
    const key = `${uri} ${release}`
    const known = found.get(key)?.components ?? []
    if (!known.includes(component)) found.set(key, { uri, suite: release, components: [...known, component] })
  }
  const sources = [...found.values()]
  const hasAll = components.every((component) =>
    sources.some((source) => source.suite === suite && source.components.includes(component))
  )
  return hasAll ? sources : undefined
}

/** Pure: one-line style (sources.list(5)). */
export function toSourcesList(sources: readonly AptSource[]): string {
  return sources.map(({ uri, suite, components }) => `deb ${uri} ${suite} ${components.join(' ')}\n`).join('')
}

/** This machine's own settings for fetching, such as a proxy, as apt options. */
export async function hostAptOptions(): Promise<string[]> {
  const dumped = await promisify(execFile)('apt-config', ['dump', '--format', '%f %v%n']).catch(() => ({ stdout: '' }))
  return parseAptOptions(dumped.stdout)
}

/** Pure: `<name> <value>` lines of apt-config dump; only proxies are taken over. */
export function parseAptOptions(text: string): string[] {
  return [...text.matchAll(/^(Acquire::(?:http|https)::Proxy(?:::\S+)?) (\S+)$/gm)].map(
    ([, name = '', value = '']) => `${name} "${value}"`
  )
}
