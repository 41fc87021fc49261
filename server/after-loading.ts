// What is done once modules have been loaded, at the start and whenever more are asked for.
import { flushCompileCache } from 'node:module'

/** Keeps what was compiled for the next start, and gives the system the memory that loading has left free. */
export async function afterLoading(): Promise<void> {
  // Node does it at the end of a process; a daemon may never end in good order.
  flushCompileCache()
  await trimHeaps()
}

/** malloc_trim(3): the C library would keep it for later. It takes a millisecond or a few. */
async function trimHeaps(): Promise<void> {
  try {
    const { default: koffi } = await import('koffi')
    koffi.load(null).func('int malloc_trim(size_t)')(0)
  } catch {
    // Another C library than glibc has none: the daemon is as good as with it, and somewhat larger.
  }
}
