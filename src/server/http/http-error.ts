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
  /** Methods that are offered. */
  readonly allow?: string
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

/**
 * For a path that no endpoint has.
 * @param path without a query, which may hold a signature
 * @param meant one that an endpoint has
 */
export function noSuchEndpoint(method: string | undefined, path: string, meant?: string): HttpError {
  const advice = meant === undefined ? '' : `. Did you mean ${meant.slice(0, 200)}?`
  const message = `No such endpoint on this server, or no such id: ${method} ${path.slice(0, 200)}${advice}`
  return new HttpError(404, message, { code: 'not_found' })
}

/** For a file behind a signed address. */
export function noSuchFile(): HttpError {
  return new HttpError(404, 'No such file.', { code: 'not_found' })
}

/** @throws HttpError 400 that lists what is wrong */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw invalidBody(parsed.error.issues)
}

export function invalidBody(given: readonly Issue[]): HttpError {
  const issues = plainIssues(given)
  const param = issues[0] && fieldName(issues[0].path)
  return new HttpError(400, 'Validation of body failed', {
    issues,
    code: 'invalid_request',
    ...(param && { param }),
  })
}

/** A field as programmers write it: `promptImage[0].uri`. */
export function fieldName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, key) => {
    if (typeof key === 'number') return `${name}[${key}]`
    return name === '' ? String(key) : `${name}.${String(key)}`
  }, '')
}

/** Of a field that may be one of several things, what is wrong with the one that was meant: that of the type it has. */
export function plainIssues(issues: readonly Issue[]): Issue[] {
  return issues.flatMap(issue => withoutUnion(issue))
}

function withoutUnion(issue: Issue, above: readonly PropertyKey[] = []): Issue[] {
  const path = [...above, ...issue.path]
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ ...issue, path }]
  const isOther = (each: Issue) => each.code === 'invalid_type' && each.path.length === 0
  const ways = issue.errors.map(errors => plainIssues(errors))
  const meant = ways.find(errors => errors.length > 0 && !errors.some(isOther))
  if (meant) return meant.map(each => ({ ...each, path: [...path, ...each.path] }))
  const others = ways.flat().filter(isOther)
  const types = others.map(each => (each.code === 'invalid_type' ? each.expected : ''))
  const [, got] = /received (\w+)$/.exec(others[0]?.message ?? '') ?? []
  const message = `Invalid input: expected ${[...new Set(types)].join(' or ')}${got ? `, received ${got}` : ''}`
  return [{ code: 'custom', path, message, input: undefined }]
}

/** @param path of the field, such as `promptImage` */
export function invalidField(path: readonly PropertyKey[], message: string): HttpError {
  return invalidBody([{ code: 'custom', path: [...path], message, input: undefined }])
}
