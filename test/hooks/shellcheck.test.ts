// Shell is code: all of it is read by shellcheck, as POSIX sh.
import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { HOOKS } from './sandbox.ts'

/** What is allowed, and why. */
const EXCLUDED = [
  'SC3043' // local: not in POSIX, but dash and busybox have it, and Debian Policy 10.4 asks it of every /bin/sh
]

/** Sourced by, or given its variables by, a program that is not here. */
const ALONE = [
  ...EXCLUDED,
  'SC1091', // sources a file of initramfs-tools
  'SC2034', // sets a variable for whoever sources it
  'SC2154' // reads a variable that udhcpc sets
]

function shellcheck(t: Test, files: readonly string[], excluded: readonly string[]): void {
  const args = ['-s', 'sh', '-x', '-P', HOOKS, '-e', excluded.join(',')]
  const ran = spawnSync('shellcheck', [...args, ...files], { cwd: HOOKS, encoding: 'utf8' })
  t.equal(ran.status, 0, ran.stdout + ran.stderr + (ran.error?.message ?? ''))
}

t.test('scripts/overlay with its whole library', async (t) => shellcheck(t, ['scripts/overlay'], EXCLUDED))

t.test('what stands alone', async (t) => {
  shellcheck(t, ['hooks/overlay', 'conf.d/overlay', 'conf-hooks.d/overlay', 'lib/overlay/lease.sh', 'system/up'], ALONE)
})
