import type { Version } from '../../server/boot/model.ts'

/** A version that nobody will boot. */
export function fakeVersion(image: string, version: string, publishedAt = '2026-01-01T00:00:00.000Z'): Version {
  const blob = (letter: string) => ({ digest: `sha256:${letter.repeat(64)}`, sizeBytes: 1 })
  return {
    image,
    version,
    digest: `sha256:${'d'.repeat(64)}`,
    kernel: blob('a'),
    initrd: blob('b'),
    layers: [blob('c')],
    arguments: [],
    notes: '',
    publishedAt
  }
}

/** Published versions by image, which come and go as the test says. */
export class FakeVersions {
  #versions: readonly Version[]

  constructor(image: string, ...versions: readonly string[]) {
    this.#versions = versions.map((version) => fakeVersion(image, version))
  }

  get(image: string, version: string): Version | undefined {
    return this.#versions.find((known) => known.image === image && known.version === version)
  }

  list(): readonly Version[] {
    return this.#versions
  }

  drop(version: string): void {
    this.#versions = this.#versions.filter((known) => known.version !== version)
  }
}
