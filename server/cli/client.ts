// The admin API as commands use it: problem details become one readable line, and bodies stream.

import { request as requestHttps } from 'node:https'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import Type, { type Static, type TSchema } from 'typebox'
import Value from 'typebox/value'
import { type ClientRequest, type IncomingMessage, request as requestHttp } from '../node-http.ts'
import { CommandFailure } from './failure.ts'

const Problem = Type.Object({
  code: Type.Optional(Type.String()),
  title: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String())
})

/** The daemon said no. The message is its own words. */
export class ApiProblem extends CommandFailure {
  /** The HTTP status. */
  readonly status: number

  constructor(status: number, code: string, message: string) {
    super(code, message)
    this.name = 'ApiProblem'
    this.status = status
  }
}

export interface Body {
  readonly contentType: string
  readonly contentLengthBytes: number
  readonly stream: Readable
}

export interface ApiClientOptions {
  /** `http://127.0.0.1:8070` */
  readonly url: string
  readonly token: string
  /** Ends every call that is under way. */
  readonly signal?: AbortSignal | undefined
}

interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly accept: string
  readonly body?: Body | string | undefined
}

export class ApiClient {
  readonly #base: URL
  readonly #token: string
  readonly #signal: AbortSignal | undefined

  constructor({ url, token, signal }: ApiClientOptions) {
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new CommandFailure('URL_INVALID', `${url} is not the URL of an admin API, like http://127.0.0.1:8070`, 2)
    }
    this.#base = new URL(url)
    this.#token = token
    this.#signal = signal
  }

  get<T extends TSchema>(path: string, schema: T): Promise<Static<T>> {
    return this.#json({ method: 'GET', path, accept: 'application/json' }, schema)
  }

  post<T extends TSchema>(path: string, body: object, schema: T): Promise<Static<T>> {
    return this.#json({ method: 'POST', path, accept: 'application/json', body: JSON.stringify(body) }, schema)
  }

  put<T extends TSchema>(path: string, body: object, schema: T): Promise<Static<T>> {
    return this.#json({ method: 'PUT', path, accept: 'application/json', body: JSON.stringify(body) }, schema)
  }

  upload<T extends TSchema>(path: string, body: Body, schema: T): Promise<Static<T>> {
    return this.#json({ method: 'POST', path, accept: 'application/json', body }, schema)
  }

  async delete(path: string): Promise<void> {
    const response = await this.#answer({ method: 'DELETE', path, accept: 'application/json' })
    response.resume()
  }

  /** Server-sent events, each one's data checked against `schema`, until the server or the signal ends it. */
  async *events<T extends TSchema>(path: string, schema: T): AsyncGenerator<Static<T>> {
    const response = await this.#answer({ method: 'GET', path, accept: 'text/event-stream' })
    response.setEncoding('utf8')
    for await (const event of ReadableStream.from<string>(response).pipeThrough(new EventSourceParserStream())) {
      yield parse(schema, event.data, path)
    }
  }

  async #json<T extends TSchema>(call: Call, schema: T): Promise<Static<T>> {
    return parse(schema, await text(await this.#answer(call)), call.path)
  }

  /** Resolves with a 2xx answer. */
  async #answer(call: Call): Promise<IncomingMessage> {
    const response = await this.#send(call)
    if (isSuccess(response)) return response
    throw problemOf(response.statusCode ?? 0, await text(response))
  }

  #send({ method, path, accept, body }: Call): Promise<IncomingMessage> {
    const url = new URL(`${this.#base.pathname.replace(/\/$/, '')}/api/v1${path}`, this.#base)
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    const request = send(url, {
      method,
      headers: { accept, authorization: `Bearer ${this.#token}`, ...headersOf(body) },
      ...(this.#signal && { signal: this.#signal })
    })
    // A daemon that refuses an upload answers before it has read it all: the answer counts, and the rest is not sent.
    request.on('response', (response) => {
      if (typeof body === 'object' && !isSuccess(response)) abandon(request, body, response)
      resolve(response)
    })
    request.on('error', (error) => reject(unreachable(this.#base, error)))
    if (typeof body === 'object') {
      body.stream.on('error', (error) => {
        request.destroy()
        reject(error)
      })
      body.stream.pipe(request)
    } else {
      request.end(body)
    }
    return promise
  }
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300
}

function abandon(request: ClientRequest, { stream }: Body, response: IncomingMessage): void {
  stream.unpipe(request)
  stream.destroy()
  response.once('end', () => request.destroy())
}

function headersOf(body: Body | string | undefined): Record<string, string | number> {
  if (body === undefined) return {}
  if (typeof body === 'string') return { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return { 'content-type': body.contentType, 'content-length': body.contentLengthBytes }
}

function parse<T extends TSchema>(schema: T, json: string, path: string): Static<T> {
  const value: unknown = isJson(json) ? JSON.parse(json) : undefined
  if (!Value.Check(schema, value)) {
    throw new CommandFailure(
      'ANSWER_NOT_UNDERSTOOD',
      `the answer to ${path} is not what this version of rootcast knows`
    )
  }
  return value
}

function problemOf(status: number, body: string): ApiProblem {
  const value: unknown = isJson(body) ? JSON.parse(body) : undefined
  if (!Value.Check(Problem, value)) return new ApiProblem(status, 'HTTP_ERROR', `the server answered ${status}`)
  const code = value.code ?? 'HTTP_ERROR'
  const words = value.detail ?? value.title ?? `the server answered ${status}`
  return new ApiProblem(status, code, status === 401 ? `${words} (give --token or set ROOTCAST_TOKEN)` : words)
}

function unreachable(base: URL, error: NodeJS.ErrnoException): Error {
  if (error.name === 'AbortError') return error
  const why = error.code === 'ECONNREFUSED' ? 'nothing listens there; is rootcast running?' : error.message
  return new CommandFailure('DAEMON_UNREACHABLE', `${base.origin}: ${why}`)
}

function isJson(body: string): boolean {
  try {
    JSON.parse(body)
    return true
  } catch {
    return false
  }
}
