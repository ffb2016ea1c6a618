import { fieldName, type HttpError } from './http-error.ts'

/** Which of the interfaces a route belongs to: each has its own form of errors. */
export type ApiName = 'runway' | 'openai' | 'framewright'

export function errorBody(api: ApiName, error: HttpError): object {
  return api === 'openai' ? openaiBody(error) : runwayBody(error)
}

function runwayBody({ message, details }: HttpError): object {
  const { issues, code } = details
  return { error: message, ...(code && { code }), ...(issues && { issues: issues.map(plainIssue) }) }
}

function openaiBody({ status, message, details }: HttpError): object {
  const { issues = [], code = null, param = null } = details
  const type = status >= 500 ? 'server_error' : (types[status] ?? 'invalid_request_error')
  const said = issues.map(issue => `${fieldName(issue.path) || 'body'}: ${issue.message}`)
  return { error: { message: said.length > 0 ? said.join('; ') : message, type, param, code } }
}

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  429: 'rate_limit_error',
}

/** Without the value that was sent: it may be large, and is known to who sent it. */
function plainIssue({ input: _, ...issue }: NonNullable<HttpError['details']['issues']>[number]): object {
  return issue
}
