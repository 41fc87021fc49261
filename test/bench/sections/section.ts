// A part of the bench that can be run alone.
import type { Aim, Comparison } from '../comparison.ts'
import type { Material } from '../material.ts'

export interface Scale {
  readonly rounds: number
  /** quick: does it run at all? default: every aim. full: the whole cross product. */
  readonly extent: 'quick' | 'default' | 'full'
  /** Only comparisons whose id it matches. */
  readonly only: RegExp | undefined
}

export interface Outcome {
  readonly comparisons: readonly Comparison[]
  readonly aims: readonly Aim[]
}

export interface Section {
  readonly name: string
  readonly title: string
  readonly run: (material: Material, scale: Scale) => Promise<Outcome>
}
