// node:http without what rides along: as an ES module it evaluates every export at once, the WebSocket of undici among
// them, and that is 12 MB of memory for good.
export const { STATUS_CODES, createServer, request } = process.getBuiltinModule('node:http')

export type ClientRequest = import('node:http').ClientRequest
export type IncomingMessage = import('node:http').IncomingMessage
export type Server = import('node:http').Server
export type ServerResponse = import('node:http').ServerResponse
