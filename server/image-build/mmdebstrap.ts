// How mmdebstrap is asked for a root, and what its failures mean.
import { type AptSource, toSourcesList } from './apt-sources.ts'
import { BuildError } from './errors.ts'
import type { Recipe } from './recipe.ts'
import type { Ended } from './run.ts'

/** Pure. */
export function mmdebstrapArguments(
  recipe: Recipe,
  tree: string,
  scripts: { readonly essential: string; readonly customize: string },
  sources: readonly AptSource[],
  aptOptions: readonly string[]
): string[] {
  const packages = [...new Set([...REQUIRED_PACKAGES, recipe.kernel, ...recipe.packages])].sort()
  const excludes = recipe.documentation ? [] : UNREAD
  return [
    ...['--mode=root', '--variant=minbase', '--format=directory', '--verbose'],
    `--include=${packages.join(',')}`,
    ...excludes.map((pattern) => `--dpkgopt=${pattern}`),
    ...['Acquire::Languages { "none"; }', 'Acquire::Retries "3"', ...aptOptions].map((option) => `--aptopt=${option}`),
    `--essential-hook=${scripts.essential} "$1"`,
    `--customize-hook=${scripts.customize} "$1"`,
    recipe.suite,
    tree,
    ...toSourcesList(sources).trimEnd().split('\n')
  ]
}

/** What BOOT=overlay and a system without a disk cannot do without. */
const REQUIRED_PACKAGES = ['busybox', 'initramfs-tools', 'kmod', 'systemd-sysv', 'udev', 'zstd'] as const

const UNREAD = [
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/locale/*',
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright'
]

/** What went wrong, in the words of whoever said it. */
export function installFailure({ exitCode, log }: Ended, customizing: boolean): BuildError {
  if (exitCode === 127)
    return new BuildError('TOOL_MISSING', 'mmdebstrap is not installed (Debian package mmdebstrap)', log)
  const words = log
    .split('\n')
    .filter((line) => /^(E:|W:|error|dpkg: error|.*[Nn]o space left)/.test(line))
    .slice(-5)
    .join('; ')
  if (/no space left on device/i.test(log)) return new BuildError('NO_SPACE', `the disk is full: ${words}`, log)
  return customizing
    ? new BuildError('CUSTOMIZE_FAILED', `a command of the recipe failed: ${words}`, log)
    : new BuildError('PACKAGES_FAILED', `mmdebstrap failed: ${words}`, log)
}
