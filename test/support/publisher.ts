// A process of its own that publishes and removes versions, for tests that end it in the middle.
// Arguments: the store's directory; the disk operation before which it kills itself (0: never); what to do, in words
// `publish:<version>:<bytes of the top layer>`, `root:<version>:<bytes in the tar>` or `remove:<version>`.
// It prints a line of JSON for each thing done or refused.
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { systemClock } from '../../server/clock.ts'
import { type Disk, nodeDisk } from '../../server/image/disk.ts'
import type { ImageStore } from '../../server/image/store.ts'
import { superblock, tarEntry } from './squashfs.ts'
import { bytes, INITRD, KERNEL, LAYER, openStore } from './store.ts'

const CHUNK = 64 * 1024

const [dir = '', killAt = '0', ...work] = process.argv.slice(2)

/** Dies as if by `kill -9` from outside: nothing runs after it. */
function dyingDisk(operation: number): Disk {
  let done = 0
  const step = <T>(work: () => Promise<T>): Promise<T> => {
    done += 1
    if (done === operation) process.kill(process.pid, 'SIGKILL')
    return work()
  }
  return {
    create: (path) =>
      step(async () => {
        const file = await nodeDisk.create(path)
        return {
          write: (chunk) => step(() => file.write(chunk)),
          sync: () => step(() => file.sync()),
          close: () => step(() => file.close())
        }
      }),
    sync: (path) => step(() => nodeDisk.sync(path)),
    rename: (from, to) => step(() => nodeDisk.rename(from, to)),
    remove: (path) => step(() => nodeDisk.remove(path))
  }
}

/** Noise, so that nothing makes it smaller. */
function* noise(sizeBytes: number): Generator<Buffer> {
  for (let left = sizeBytes; left > 0; left -= CHUNK) yield randomBytes(Math.min(CHUNK, left))
}

function* squashfsOf(sizeBytes: number): Generator<Buffer> {
  yield superblock({ bytesUsed: 96 + sizeBytes })
  yield* noise(sizeBytes)
}

function* tarOf(sizeBytes: number): Generator<Buffer> {
  yield tarEntry({ name: 'noise', sizeBytes })
  yield* noise(sizeBytes)
  yield Buffer.alloc(1024 + ((512 - (sizeBytes % 512)) % 512))
}

async function publish(store: ImageStore, version: string, addRoot: 'layer' | 'root', sizeBytes: number) {
  const publication = store.begin('lab', version)
  await publication.addPart('kernel', bytes(KERNEL))
  await publication.addPart('initrd', bytes(INITRD))
  if (addRoot === 'layer') await publication.addPart('layer', bytes(LAYER))
  const root = addRoot === 'layer' ? squashfsOf(sizeBytes) : tarOf(sizeBytes)
  await publication.addPart(addRoot, Readable.from(root))
  await publication.commit({ notes: version })
}

async function perform(store: ImageStore, line: string): Promise<void> {
  const [verb = '', version = '', sizeBytes = '0'] = line.split(':')
  if (verb === 'remove') await store.remove('lab', version)
  else await publish(store, version, verb === 'root' ? 'root' : 'layer', Number(sizeBytes))
}

const store = await openStore(dir, { clock: systemClock, disk: dyingDisk(Number(killAt)) })
console.log(JSON.stringify({ did: 'open' }))
for (const line of work) {
  try {
    await perform(store, line)
    console.log(JSON.stringify({ did: line }))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : String(error)
    console.log(JSON.stringify({ did: line, code }))
  }
}
await store.close()
