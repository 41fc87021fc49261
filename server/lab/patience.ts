// Deadlines for machines that may be emulated on a busy computer: generous, and stretched together when it is busier still.

/** How much longer than usual to wait; `ROOTCAST_LAB_PATIENCE=3` for a loaded machine. */
export function patience(env: NodeJS.ProcessEnv): number {
  const factor = Number(env.ROOTCAST_LAB_PATIENCE ?? 1)
  return factor > 0 ? factor : 1
}

export interface Deadlines {
  /** From power-on to the check-in `up`. */
  readonly bootMs: number
  /** From `up` to a login prompt. */
  readonly loginMs: number
  /** For one command in the guest's shell. */
  readonly commandMs: number
  /** For one step to follow the one before. */
  readonly stepMs: number
}

/** Under TCG on two idle cores a boot takes 40 to 90 s. */
export function deadlines(factor: number): Deadlines {
  return { bootMs: 300_000 * factor, loginMs: 120_000 * factor, commandMs: 60_000 * factor, stepMs: 120_000 * factor }
}
