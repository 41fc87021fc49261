export const INTERNALS = 'EIO: /var/lib/rootcast/secret-path'

/** A dependency whose every method fails, with words that must not get out. */
export function broken<T extends object>(): T {
  const fail = () => {
    throw new Error(INTERNALS)
  }
  // A stand-in for any interface: whatever is called on it fails.
  return new Proxy({}, { get: () => fail }) as T
}
