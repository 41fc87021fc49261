// A multipart/form-data body (RFC 7578) of files that are read as they are sent, its length known beforehand.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import type { Body } from './client.ts'
import { CommandFailure } from './failure.ts'

export type Part = { readonly name: string; readonly value: string } | { readonly name: string; readonly file: string }

/**
 * @param boundary must not occur in any part: 16 random bytes in hex will do.
 * @param onSent hears the bytes handed on so far.
 */
export async function multipart(
  parts: readonly Part[],
  boundary: string,
  onSent: (sentBytes: number) => void
): Promise<Body> {
  const sized = await Promise.all(
    parts.map(async (part) => ({ part, head: head(part, boundary), size: await size(part) }))
  )
  const tail = Buffer.from(`--${boundary}--\r\n`)
  const contentLengthBytes = sized.reduce((sum, { head, size }) => sum + head.length + size + 2, tail.length)

  async function* chunks(): AsyncGenerator<Buffer> {
    let sentBytes = 0
    for (const { part, head, size } of sized) {
      yield head
      for await (const chunk of content(part, size)) {
        sentBytes += chunk.length
        onSent(sentBytes)
        yield chunk
      }
      yield Buffer.from('\r\n')
    }
    yield tail
  }
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    contentLengthBytes,
    stream: Readable.from(chunks(), { objectMode: false })
  }
}

/** The bytes that `onSent` will have heard of at the end. */
export async function contentBytes(parts: readonly Part[]): Promise<number> {
  const sizes = await Promise.all(parts.map(size))
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}

function head(part: Part, boundary: string): Buffer {
  const disposition =
    'file' in part
      ? `form-data; name="${part.name}"; filename="${path.basename(part.file).replace(/["\r\n]/g, '_')}"\r\nContent-Type: application/octet-stream`
      : `form-data; name="${part.name}"`
  return Buffer.from(`--${boundary}\r\nContent-Disposition: ${disposition}\r\n\r\n`)
}

async function size(part: Part): Promise<number> {
  if ('value' in part) return Buffer.byteLength(part.value)
  const found = await stat(part.file).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'no such file' : error.message
    throw new CommandFailure('FILE_UNREADABLE', `${part.file}: ${why}`, 2)
  })
  if (!found.isFile()) throw new CommandFailure('FILE_UNREADABLE', `${part.file}: not a file`, 2)
  return found.size
}

async function* content(part: Part, sizeBytes: number): AsyncGenerator<Buffer> {
  if ('value' in part) {
    yield Buffer.from(part.value)
    return
  }
  if (sizeBytes === 0) return
  let readBytes = 0
  // Not past the size that was announced, should the file have grown meanwhile.
  for await (const chunk of createReadStream(part.file, { end: sizeBytes - 1, highWaterMark: 1 << 18 })) {
    readBytes += chunk.length
    yield chunk
  }
  if (readBytes < sizeBytes) throw new CommandFailure('FILE_CHANGED', `${part.file} became shorter while it was read`)
}
