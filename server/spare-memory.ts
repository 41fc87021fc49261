// Loading leaves free memory in the heaps of the C library, which keeps it for later: a daemon has no such later.

/** Gives the system what is free (malloc_trim(3)); takes a millisecond or a few. */
export async function giveBackMemory(): Promise<void> {
  try {
    const { default: koffi } = await import('koffi')
    koffi.load(null).func('int malloc_trim(size_t)')(0)
  } catch {
    // Another C library than glibc has none: the daemon is as good as with it, and somewhat larger.
  }
}
