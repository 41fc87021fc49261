// The lab's story: publish an image, promote it, boot machines that have no disk, and look into them.
import Type from 'typebox'
import type { Output } from '../cli/context.ts'
import { formatTable } from '../cli/table.ts'
import type { Clock } from '../clock.ts'
import { formatBytes } from '../units.ts'
import { Display } from './display.ts'
import { makeLabLayer } from './layer.ts'
import { type Machine, MachineOff } from './machine.ts'
import { SCRATCH } from './namespace.ts'
import type { Deadlines } from './patience.ts'
import type { LabPlan } from './plan.ts'
import { leaveMark, type Proof, proveMarkGone, proveRoot } from './proof.ts'
import type { Rig } from './rig.ts'
import { Shell } from './shell.ts'

export interface Stage {
  readonly plan: LabPlan
  readonly rig: Rig
  readonly output: Output
  readonly clock: Clock
  readonly deadlines: Deadlines
}

/** SeaBIOS can't boot from a network without a ROM on the card; OVMF brings its own PXE, as shops' machines do. */
const CARD_ROM = { bios: 'ipxe', uefi: 'none' } as const

interface ClientProof extends Proof {
  readonly client: string
}

/** Resolves with the machines, still running; `held` says whether every proof did. */
export async function tellStory(
  stage: Stage
): Promise<{ readonly machines: readonly Machine[]; readonly held: boolean }> {
  const { plan, rig, output } = stage
  await publishAndPromote(stage)

  const { firmware, memoryMib } = plan
  const machines = Array.from({ length: plan.clients }, (_, i) =>
    rig.client(i + 1, { firmware, memoryMib, rom: CARD_ROM[firmware] })
  )
  const poweredOnAt = new Map<string, number>()
  const display = new Display({
    output,
    name: (mac) => machines.find((machine) => machine.mac === mac)?.name ?? mac,
    poweredOnAt: (mac) => poweredOnAt.get(mac) ?? 0
  })
  rig.boots.onEvent((event) => display.show(event))
  const boot = async (machine: Machine): Promise<Shell> => {
    const from = rig.boots.mark()
    const on = stage.clock.now()
    poweredOnAt.set(machine.mac, on)
    display.line(`   0.0 s  ${machine.name}  power on: ${plan.firmware}, ${plan.memoryMib} MB, no disk`)
    await machine.powerOn()
    const failed = machine.console.ended.then((why) => Promise.reject(new MachineOff(`${machine.name}: ${why}`)))
    await Promise.race([rig.boots.until(machine.mac, 'up', stage.deadlines.bootMs, from), failed])
    const shell = await Shell.open(machine.console, stage.deadlines)
    const seconds = ((stage.clock.now() - on) / 1000).toFixed(1)
    display.line(`${seconds.padStart(6)} s  ${machine.name}  login prompt reached`)
    return shell
  }
  const proofs = (await Promise.all(machines.map((machine) => prove(machine, boot)))).flat()
  display.stop()
  output.write(`\n${proofTable(proofs, output)}\n`)
  return { machines, held: proofs.every(({ holds }) => holds) }
}

async function publishAndPromote({ plan, rig, output }: Stage): Promise<void> {
  const { image, build, loader } = plan
  const root = { layers: [build.root, await makeLabLayer(SCRATCH)] }
  const publication = { ...build, image, root, version: undefined, notes: 'published by the lab' }
  const { version, layers } = await rig.publish(publication, output)
  const size = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  output.write(`Published ${image} ${version}: ${layers.length} layers, ${formatBytes(size)}.\n`)
  await rig.promote(image, version, 'stable')
  const group = { name: 'default', image, channel: 'stable', arguments: ['console=ttyS0'], ...(loader && { loader }) }
  await rig.api.post('/groups', group, Type.Object({}))
  output.write(`Promoted ${version} to stable; machines that nobody knows boot it.\n\n`)
}

/** Two boots with a power cut between them. */
async function prove(machine: Machine, boot: (machine: Machine) => Promise<Shell>): Promise<readonly ClientProof[]> {
  const first = await boot(machine)
  const proofs = [...(await proveRoot(first)), await leaveMark(first, machine.name)]
  await machine.powerOff()
  const second = await boot(machine)
  proofs.push(await proveMarkGone(second))
  return proofs.map((proof) => ({ client: machine.name, ...proof }))
}

function proofTable(proofs: readonly ClientProof[], output: Output): string {
  return formatTable(
    proofs,
    [
      { title: 'client', value: ({ client }) => client },
      { title: 'claim', value: ({ claim }) => claim },
      { title: 'seen in the guest', value: ({ seen }) => seen.replaceAll('\n', ', ') },
      { title: 'holds', value: ({ holds }) => (holds ? 'yes' : 'NO') }
    ],
    output.isTTY === true
  )
}
