// A version's upload, part by part: each file goes straight to the store as it arrives, and nothing is kept in memory
// but the few short fields.
import type { Multipart, MultipartFile, MultipartValue } from '@fastify/multipart'
import Type from 'typebox'
import Value from 'typebox/value'
import type { Version } from '../boot/model.ts'
import { invalidRequest, Problem } from './problem.ts'
import { PART_KINDS, type Publication, refusalOf } from './publication.ts'
import { KernelArgument, VersionName } from './schema.ts'

const FIELD_NAMES = ['version', 'notes', 'arguments'] as const
type FieldName = (typeof FIELD_NAMES)[number]

const MAX_ARGUMENTS = 64
export const MAX_FIELD_BYTES = 16 * 1024

/** How the API's document shows the form. */
const FileSchema = Type.String({ format: 'binary' })
export const UploadSchema = Type.Object({
  version: Type.Optional(VersionName),
  notes: Type.Optional(Type.String({ maxLength: MAX_FIELD_BYTES })),
  arguments: Type.Optional(Type.Array(KernelArgument, { maxItems: MAX_ARGUMENTS })),
  kernel: FileSchema,
  initrd: FileSchema,
  layer: Type.Optional(Type.Array(FileSchema, { description: 'squashfs, bottom first' })),
  root: Type.Optional(Type.String({ format: 'binary', description: 'Instead of layers: tar, tar.gz or tar.zst' }))
})

/**
 * Takes every part and publishes the version; on any failure nothing of it is left.
 * @param begin starts the publication, once, when the first file arrives; until then the version can be named.
 * @throws Problem, or what the store throws when it fails by itself.
 */
export async function receiveVersion(
  parts: AsyncIterableIterator<Multipart>,
  begin: (version: string | undefined) => Promise<Publication>
): Promise<Version> {
  const fields = new Fields()
  const files = new Files(async () => begin(fields.version()))
  try {
    for await (const part of wellFormed(parts)) {
      if (part.type === 'field') fields.take(part, files.begun)
      else await files.take(part)
    }
    return await files.commit(fields)
  } catch (error) {
    await files.abort()
    throw error
  }
}

/** The form's own faults are the client's. */
async function* wellFormed(parts: AsyncIterableIterator<Multipart>): AsyncGenerator<Multipart> {
  for (;;) {
    const next = await parts.next().catch((error: unknown) => {
      throw hasStatus(error) ? error : malformed()
    })
    if (next.done) return
    yield next.value
  }
}

class Files {
  readonly #begin: () => Promise<Publication>
  #publication: Publication | undefined

  constructor(begin: () => Promise<Publication>) {
    this.#begin = begin
  }

  get begun(): boolean {
    return this.#publication !== undefined
  }

  async take(part: MultipartFile): Promise<void> {
    const kind = PART_KINDS.find((known) => known === part.fieldname)
    if (!kind) throw FIELD_NAMES.some((name) => name === part.fieldname) ? notText(part) : unknownPart(part)
    const publication = await this.#publicationOnce()
    try {
      await publication.addPart(kind, part.file, part.filename)
    } catch (error) {
      const refusal = refusalOf(error)
      // The stream broke before the store did: the client went away, or the form ends too early.
      throw part.file.errored && !(refusal instanceof Problem) ? malformed() : refusal
    }
    if (part.file.truncated) throw new Problem(413, 'BODY_TOO_LARGE', `${kind} is larger than is taken here`)
  }

  async commit(fields: Fields): Promise<Version> {
    if (!this.#publication) throw new Problem(400, 'PART_MISSING', 'no file was sent')
    try {
      return await this.#publication.commit({ notes: fields.notes(), arguments: fields.arguments() })
    } catch (error) {
      throw refusalOf(error)
    }
  }

  async abort(): Promise<void> {
    await this.#publication?.abort()
  }

  async #publicationOnce(): Promise<Publication> {
    try {
      this.#publication ??= await this.#begin()
      return this.#publication
    } catch (error) {
      throw refusalOf(error)
    }
  }
}

class Fields {
  readonly #values = new Map<FieldName, string[]>()

  take(part: MultipartValue, filesBegun: boolean): void {
    const name = FIELD_NAMES.find((known) => known === part.fieldname)
    if (!name) throw PART_KINDS.some((kind) => kind === part.fieldname) ? notFile(part) : unknownPart(part)
    if (part.valueTruncated || typeof part.value !== 'string') {
      throw invalid(name, `must be text of at most ${MAX_FIELD_BYTES} bytes`)
    }
    if (name === 'version' && filesBegun) throw invalid(name, 'must come before the files')
    const values = this.#values.get(name) ?? []
    if (values.length === (name === 'arguments' ? MAX_ARGUMENTS : 1)) throw invalid(name, 'is given too often')
    check(name, part.value)
    this.#values.set(name, [...values, part.value])
  }

  version(): string | undefined {
    return this.#values.get('version')?.[0]
  }

  notes(): string {
    return this.#values.get('notes')?.[0] ?? ''
  }

  arguments(): readonly string[] {
    return this.#values.get('arguments') ?? []
  }
}

function check(name: FieldName, value: string): void {
  if (name === 'notes') return
  const schema = name === 'version' ? VersionName : KernelArgument
  if (!Value.Check(schema, value)) throw invalid(name, schema.description)
}

function unknownPart({ fieldname }: Multipart): Problem {
  const known = [...PART_KINDS, ...FIELD_NAMES].join(', ')
  return new Problem(400, 'PART_UNKNOWN', `there is no part ${JSON.stringify(fieldname)}; known: ${known}`)
}

function notFile({ fieldname }: Multipart): Problem {
  return invalid(fieldname, 'must be a file (with a filename), not text')
}

function notText({ fieldname }: Multipart): Problem {
  return invalid(fieldname, 'must be text, not a file')
}

function invalid(name: string, message: string): Problem {
  return invalidRequest([{ field: `body.${name}`, message }])
}

function malformed(): Problem {
  return new Problem(400, 'MALFORMED_BODY', 'the form ended before its last part did, or is not well formed')
}

function hasStatus(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error
}
