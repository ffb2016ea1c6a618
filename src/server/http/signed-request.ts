import type { Services } from '../services.ts'
import { HttpError } from './http-error.ts'
import type { RouteRequest } from './route.ts'
import { verifyPath } from './signature.ts'

/** Whether a request came by an address that this server has signed. @throws HttpError 403 */
export function checkSignature(
  { signer }: Pick<Services, 'signer'>,
  { incoming, query }: Pick<RouteRequest, 'incoming' | 'query'>,
): void {
  const [path = ''] = (incoming.url ?? '').split('?')
  const given = { expires: query.get('expires') ?? undefined, signature: query.get('signature') ?? undefined }
  const found = verifyPath(signer, path, given, new Date())
  if (found === 'valid') return
  const message = found === 'expired' ? 'This address has expired: read the task again.' : 'Wrong signature.'
  throw new HttpError(403, message, { code: found === 'expired' ? 'expired' : 'invalid_signature' })
}
