// Telling systemd how far we are (sd_notify(3)), when it started us as a Type=notify service.

export type ServiceState = 'READY=1' | 'STOPPING=1'

/**
 * Does nothing unless systemd listens.
 * @param socket the environment's NOTIFY_SOCKET
 */
export async function notifySystemd(state: ServiceState, socket: string | undefined): Promise<void> {
  if (!socket) return
  // Node has no datagrams on Unix sockets. Where systemd set NOTIFY_SOCKET, its library is there.
  const { default: koffi } = await import('koffi')
  const sdNotify = koffi.load('libsystemd.so.0').func('int sd_notify(int unset_environment, const char *state)')
  const sent: unknown = sdNotify(0, state)
  if (typeof sent !== 'number' || sent <= 0) throw new Error(`sd_notify ${state} failed: ${sent}`)
}
