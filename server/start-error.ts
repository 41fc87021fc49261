// Why the daemon could not start: a code for scripts, and one line that says what mends it.

export type StartErrorCode =
  | 'PORT_TAKEN'
  | 'PORT_FORBIDDEN'
  | 'ADDRESS_NOT_HERE'
  | 'LISTEN_FAILED'
  | 'DIRECTORY_UNUSABLE'
  | 'DATABASE_UNUSABLE'
  | 'INTERFACE_UNUSABLE'
  | 'STORE_UNUSABLE'
  | 'ALREADY_RUNNING'

export class StartError extends Error {
  readonly code: StartErrorCode

  constructor(code: StartErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'StartError'
    this.code = code
  }
}

export interface Endpoint {
  /** What listens there: `TFTP`. */
  readonly face: string
  readonly protocol: 'tcp' | 'udp'
  readonly address: string
  readonly port: number
  /** The setting that moves it. */
  readonly setting: string
}

/** What a socket's error means for the administrator. */
export function listenError(error: unknown, { face, protocol, address, port, setting }: Endpoint): StartError {
  const where = `${face}: ${protocol.toUpperCase()} port ${port} on ${address}`
  const holder = `ss -${protocol === 'tcp' ? 'lt' : 'lu'}np 'sport = :${port}'`
  switch (errnoOf(error)) {
    case 'EADDRINUSE':
      return new StartError('PORT_TAKEN', `${where} is taken; see by whom with: ${holder} – or set ${setting}`, error)
    case 'EACCES':
    case 'EPERM':
      return new StartError(
        'PORT_FORBIDDEN',
        `${where} is for root or CAP_NET_BIND_SERVICE only; run as root, or as config/rootcast.service does`,
        error
      )
    case 'EADDRNOTAVAIL':
      return new StartError('ADDRESS_NOT_HERE', `${where}: this machine has no such address; set ${setting}`, error)
    default:
      return new StartError('LISTEN_FAILED', `${where}: ${messageOf(error)}`, error)
  }
}

/** What a file system's error means for the administrator. */
export function directoryError(error: unknown, directory: string, setting: string): StartError {
  const why = errnoOf(error) === 'EACCES' ? 'not writable by this user' : messageOf(error)
  return new StartError('DIRECTORY_UNUSABLE', `${directory}: ${why}; mend it, or set ${setting}`, error)
}

export function alreadyRunning(directory: string, setting: string, cause: unknown): StartError {
  const message = `${directory} is in use by another rootcast; stop that one (who: fuser ${directory}/lock), or set ${setting}`
  return new StartError('ALREADY_RUNNING', message, cause)
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
