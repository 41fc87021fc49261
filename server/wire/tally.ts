// How many messages of each type came: one addition for each of them.

export class Tally {
  readonly #names: Readonly<Record<string, number>>
  readonly #counts = new Float64Array(256)

  /** @param names of a registry, for numbers of one byte */
  constructor(names: Readonly<Record<string, number>>) {
    this.#names = names
  }

  /** @param type undefined: it says none */
  add(type: number | undefined): void {
    const at = (type ?? 0) & 0xff
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
  }

  /** By name, with hyphens for capitals; what the registry lacks goes by `other`. */
  read(): Readonly<Record<string, number>> {
    let other = this.#counts.reduce((sum, count) => sum + count, 0)
    const named = Object.entries(this.#names).map(([name, type]) => {
      const count = this.#counts[type] ?? 0
      other -= count
      return [name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`), count]
    })
    return { ...Object.fromEntries(named), other }
  }
}
