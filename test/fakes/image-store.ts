import type { Readable } from 'node:stream'
import type { Version } from '../../server/boot/model.ts'
import type { Publication } from '../../server/http/publication.ts'
import { PublishError } from '../../server/image/errors.ts'
import { fakeVersion } from './versions.ts'

/** An image store in memory, which tells what became of each publication. */
export class FakeStore {
  readonly told: string[] = []
  readonly #versions = new Map<string, Version>()
  readonly #underWay = new Set<string>()

  constructor(...versions: readonly Version[]) {
    for (const version of versions) this.#versions.set(`${version.image}/${version.version}`, version)
  }

  list(): readonly Version[] {
    return [...this.#versions.values()]
  }

  get(image: string, version: string): Version | undefined {
    return this.#versions.get(`${image}/${version}`)
  }

  /** Of every version that has notes. */
  warnings(image: string, version: string): readonly string[] {
    return this.get(image, version)?.notes ? ['kernel: too good to be one'] : []
  }

  async remove(image: string, version: string): Promise<void> {
    this.#versions.delete(`${image}/${version}`)
  }

  begin(image: string, version: string): Publication {
    const name = `${image}/${version}`
    if (this.#versions.has(name)) throw new PublishError('VERSION_EXISTS', `${name} is there`)
    if (this.#underWay.has(name)) throw new PublishError('VERSION_BEING_PUBLISHED', `${name} is under way`)
    this.#underWay.add(name)
    this.told.push(`begin ${name}`)
    return {
      addPart: async (kind, stream, filename) => {
        this.told.push(`${kind} ${await lengthOf(stream)} bytes, ${filename}`)
      },
      commit: async (facts) => {
        const published = { ...fakeVersion(image, version), ...facts }
        this.#versions.set(name, published)
        this.#underWay.delete(name)
        this.told.push(`commit ${name}`)
        return published
      },
      abort: async () => {
        this.#underWay.delete(name)
        this.told.push(`abort ${name}`)
      }
    }
  }
}

async function lengthOf(stream: Readable): Promise<number> {
  let length = 0
  for await (const chunk of stream) length += chunk.length
  return length
}
