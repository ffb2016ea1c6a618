import type { z } from 'zod'

/** One thing that is wrong with a request, as zod says it. */
export type Issue = z.core.$ZodIssue

export interface HttpErrorDetails {
  readonly issues?: readonly Issue[]
  /** The field that is wrong. */
  readonly param?: string
  /** A stable word for programs. */
  readonly code?: string
  readonly retryAfterSeconds?: number
}

/** An answer other than success. The interface that was called gives it its form. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  readonly details: HttpErrorDetails

  constructor(status: number, message: string, details: HttpErrorDetails = {}) {
    super(message)
    this.status = status
    this.details = details
  }
}

/** @throws HttpError 400 that lists what is wrong */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw invalidBody(parsed.error.issues)
}

export function invalidBody(issues: readonly Issue[]): HttpError {
  const [first] = issues
  const param = first?.path.map(String).join('.')
  return new HttpError(400, 'Validation of body failed', {
    issues,
    code: 'invalid_request',
    ...(param && { param }),
  })
}

/** @param path of the field, such as `promptImage` */
export function invalidField(path: readonly PropertyKey[], message: string): HttpError {
  return invalidBody([{ code: 'custom', path: [...path], message, input: undefined }])
}
