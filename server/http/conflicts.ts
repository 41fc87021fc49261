// Refusals of the state, as problems.
import { Conflict } from '../state/conflict.ts'
import { Problem } from './problem.ts'

/** What `change` gives, its Conflict answered with 409. */
export async function answerConflicts<T>(change: Promise<T>): Promise<T> {
  try {
    return await change
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    const usedBy = [...error.users]
    throw new Problem(409, error.code, error.detail, usedBy.length > 0 ? { usedBy } : {})
  }
}
