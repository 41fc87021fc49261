// What has to be true of a booted client, read from inside it.
import type { Shell } from './shell.ts'

export interface Proof {
  readonly claim: string
  /** What the guest said. */
  readonly seen: string
  readonly holds: boolean
}

const MARK = '/etc/rootcast-lab-mark'

/** The root's make: an overlay of squashfs below and tmpfs above. */
export async function proveRoot(shell: Shell): Promise<readonly Proof[]> {
  const root = await shell.read('findmnt -rno FSTYPE /')
  const lowers = await shell.read("findmnt -rno FSTYPE,OPTIONS -t squashfs | cut -d, -f1 | sort | uniq -c | tr -s ' '")
  const lower = await shell.read('findmnt -rno TARGET,FSTYPE,OPTIONS | grep " squashfs "')
  const written = await shell.run('touch /run/overlay/lower/etc/mark /run/overlay/lower/1/etc/mark')
  const upper = await shell.read('stat -f -c %T /run/overlay/upper')
  return [
    { claim: '/ is overlay', seen: root, holds: root === 'overlay' },
    {
      claim: 'its lower is squashfs, read-only',
      seen: lowers.trim(),
      holds: lower.split('\n').every((line) => / squashfs ro[, ]?/.test(line)) && written.status !== 0
    },
    { claim: 'its upper is tmpfs', seen: upper, holds: upper === 'tmpfs' }
  ]
}

/** Leaves a mark in the root, which lands in the upper. */
export async function leaveMark(shell: Shell, text: string): Promise<Proof> {
  await shell.read(`echo '${text}' > ${MARK} && sync`)
  const seen = await shell.read(`cat ${MARK} /run/overlay/upper${MARK}`)
  return { claim: 'a file written stays while it runs', seen: text, holds: seen === `${text}\n${text}` }
}

/** After a power cut. */
export async function proveMarkGone(shell: Shell): Promise<Proof> {
  const { output, status } = await shell.run(`test -e ${MARK} && cat ${MARK}`)
  return {
    claim: 'and is gone after the second boot',
    seen: status === 0 ? output : 'no such file',
    holds: status !== 0
  }
}
