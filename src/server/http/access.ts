import type { IncomingMessage } from 'node:http'
import type { Services } from '../services.ts'
import { HttpError } from './http-error.ts'
import { localOwner, type Owner } from './owner.ts'
import type { Route } from './route.ts'

/** How often a server without keys looks whether there are any. */
const keysEveryMs = 1000

const loopbackNames = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

/**
 * Decides who a request is from.
 * @returns a check that throws HttpError 401, 403 or, in strict mode, 400
 */
export function createAccess({ keys, settings, log }: Services) {
  let required = settings.keysRequired
  let looked = performance.now()
  return async (incoming: IncomingMessage, route: Route): Promise<Owner> => {
    if (route.access !== 'key') return localOwner
    const owner = (await keysRequired()) ? await ownerOf(incoming) : local(incoming)
    if (settings.strictVersion && route.api === 'runway' && !incoming.headers['x-runway-version']) {
      throw new HttpError(400, 'The X-Runway-Version header was not provided in the request')
    }
    return owner
  }

  /** Once there is a key there has to be one, also when the last one was revoked since. */
  async function keysRequired(): Promise<boolean> {
    if (required || performance.now() - looked < keysEveryMs) return required
    looked = performance.now()
    required = await keys.any()
    if (required) log.warn('there is an API key now: from here on requests need one')
    return required
  }

  async function ownerOf({ headers }: IncomingMessage): Promise<Owner> {
    const [, secret] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? []
    const key = secret === undefined ? undefined : await keys.find(secret)
    if (key) return key
    const message = secret === undefined ? 'An API key is needed: Authorization: Bearer …' : 'Wrong API key.'
    throw new HttpError(401, message, { code: 'invalid_api_key' })
  }

  /**
   * Without keys, whoever is on this machine may do everything. A web page is not: browsers say where a request comes
   * from, and under which name they reached this server. Its own page is one of the same name.
   */
  function local({ headers }: IncomingMessage): Owner {
    const own = URL.parse(settings.publicUrl ?? '')
    const host = headers.host ?? ''
    if (host !== own?.host && !loopbackNames.test(host)) {
      throw new HttpError(403, 'This server answers to its own address alone.', { code: 'forbidden' })
    }
    const { origin } = headers
    if (origin !== undefined && origin !== own?.origin && URL.parse(origin)?.host !== host) {
      throw new HttpError(403, 'Web pages of other origins may not call this server.', { code: 'forbidden' })
    }
    return localOwner
  }
}
