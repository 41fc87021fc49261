// Errors on the wire: RFC 9457 problem details, each with a stable code. What went wrong inside us stays in the log.

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { STATUS_CODES } from '../node-http.ts'
import { fieldErrors } from './validation.ts'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

export const FieldErrorSchema = Type.Object({
  field: Type.String({ description: 'Where: `body.address`, `query.limit`' }),
  message: Type.String({ description: 'What is wrong with it, in words' })
})
export type FieldError = Type.Static<typeof FieldErrorSchema>

export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable: branch on this' }),
    detail: Type.String({ description: 'One sentence for a person' }),
    errors: Type.Optional(Type.Array(FieldErrorSchema)),
    usedBy: Type.Optional(Type.Array(Type.String(), { description: 'What stands in the way: `channel stable`' }))
  },
  { title: 'Problem', description: 'RFC 9457' }
)

/** For `response:` of every route. */
export const problems = {
  '4xx': { description: 'Problem', content: { [PROBLEM_MEDIA_TYPE]: { schema: ProblemSchema } } },
  '5xx': { description: 'Problem', content: { [PROBLEM_MEDIA_TYPE]: { schema: ProblemSchema } } }
} as const

export interface ProblemFacts {
  readonly errors?: FieldError[]
  readonly usedBy?: string[]
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer other than success: thrown by handlers, written by the error handler. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  /** One sentence that the client may see. */
  readonly detail: string
  readonly facts: ProblemFacts

  constructor(status: number, code: string, detail: string, facts: ProblemFacts = {}) {
    super(detail)
    this.name = 'Problem'
    this.status = status
    this.code = code
    this.detail = detail
    this.facts = facts
  }
}

export function notFound(code: string, detail: string): Problem {
  return new Problem(404, code, detail)
}

export function invalidRequest(errors: FieldError[]): Problem {
  const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ')
  return new Problem(400, 'INVALID_REQUEST', detail, { errors })
}

/** Faults that the framework finds before any handler runs, by its codes. */
const FRAMEWORK_PROBLEMS: Readonly<Record<string, readonly [code: string, detail: string]>> = {
  FST_ERR_BAD_URL: ['MALFORMED_URL', 'the URL is not well formed'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['UNSUPPORTED_MEDIA_TYPE', 'a body of this Content-Type is not taken here'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['BODY_TOO_LARGE', 'the body is larger than is taken here'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['MALFORMED_BODY', 'the body is empty, and should be JSON'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['MALFORMED_BODY', 'the body is not JSON'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['MALFORMED_BODY', 'the body is not as long as its Content-Length says'],
  FST_REQ_FILE_TOO_LARGE: ['BODY_TOO_LARGE', 'a file is larger than is taken here'],
  FST_FIELDS_LIMIT: ['BODY_TOO_LARGE', 'there are more fields than are taken here'],
  FST_FILES_LIMIT: ['BODY_TOO_LARGE', 'there are more files than are taken here'],
  FST_PARTS_LIMIT: ['BODY_TOO_LARGE', 'there are more parts than are taken here'],
  FST_MP_PREMATURE_CLOSE: ['MALFORMED_BODY', 'the body ended before its last part did']
}

/** What the client may know of `error`. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  const { statusCode = 500, code = '', validation, validationContext } = asFastifyError(error)
  if (validation) return invalidRequest(fieldErrors(validation, validationContext))
  if (statusCode < 400 || statusCode >= 500) return internal()
  const [known, detail] = FRAMEWORK_PROBLEMS[code] ?? ['BAD_REQUEST', 'the request is not one that is understood here']
  return new Problem(statusCode, known, detail)
}

/** Answers every error of `app` as a problem; internal ones are blank, and told to the log with their cause. */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply))
  app.setNotFoundHandler(() => {
    throw notFound('NOT_FOUND', 'there is nothing here')
  })
}

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error)
  if (problem.status >= 500) request.log.error({ err: error, code: problem.code }, 'request failed')
  else request.log.info({ code: problem.code, status: problem.status }, 'request refused')
  const { headers = {}, ...rest } = problem.facts
  return reply
    .code(problem.status)
    .headers(headers)
    .type(PROBLEM_MEDIA_TYPE)
    .serializer(JSON.stringify)
    .send({
      type: `urn:rootcast:problem:${problem.code.toLowerCase().replaceAll('_', '-')}`,
      title: STATUS_CODES[problem.status] ?? 'Error',
      status: problem.status,
      code: problem.code,
      detail: problem.detail,
      ...rest
    })
}

function internal(): Problem {
  return new Problem(500, 'INTERNAL', 'something went wrong here; the log of the server has the cause')
}

function asFastifyError(error: unknown): Partial<FastifyError> {
  return error instanceof Error ? error : {}
}
