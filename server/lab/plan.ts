// What one run of the lab is about: settled outside, where the machine's network is, and carried out inside.
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { LOADERS } from '../boot/model.ts'

export const LabPlan = Type.Object({
  image: Type.String(),
  build: Type.Object({
    kernel: Type.String(),
    initrd: Type.String(),
    root: Type.String(),
    arguments: Type.Array(Type.String())
  }),
  firmware: Type.Enum(['bios', 'uefi']),
  /** Null: what the daemon takes for this kind of machine. */
  loader: Type.Union([Type.Enum([...LOADERS]), Type.Null()]),
  clients: Type.Integer({ minimum: 1 }),
  memoryMib: Type.Integer({ minimum: 1 }),
  keep: Type.Boolean(),
  accelerator: Type.Enum(['kvm', 'tcg']),
  logDirectory: Type.String()
})
export type LabPlan = Static<typeof LabPlan>

export function parseLabPlan(json: string): LabPlan {
  return Value.Parse(LabPlan, JSON.parse(json))
}
