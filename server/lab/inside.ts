// Process 1 of the lab's namespaces: carries out the plan given as its only argument. Exit status 0 when all proofs held.
import process from 'node:process'
import { systemClock } from '../clock.ts'
import { attachConsole } from './attach.ts'
import { settleInside } from './namespace.ts'
import { deadlines, patience } from './patience.ts'
import { parseLabPlan } from './plan.ts'
import { Rig } from './rig.ts'
import { tellStory } from './story.ts'

const plan = parseLabPlan(process.argv[2] ?? '')
try {
  await settleInside()
  const { clients, accelerator, logDirectory } = plan
  const rig = await Rig.start({ clients, accelerator, logDirectory, clock: systemClock })
  const stage = { plan, rig, output: process.stdout, clock: systemClock, deadlines: deadlines(patience(process.env)) }
  const { machines, held } = await tellStory(stage)
  const [first] = machines
  if (plan.keep && first) await attachConsole(first, process)
  process.exit(held ? 0 : 1)
} catch (error) {
  process.stderr.write(`\nrootcast lab: ${error instanceof Error ? error.message : String(error)}\n`)
  process.stderr.write(`The logs of the server and the consoles are in ${plan.logDirectory}.\n`)
  // Process 1 takes everything with it.
  process.exit(1)
}
