/** Addresses that a server or worker is started with: what is one, and what is said of another. */
import { invalidRequest } from '../errors.ts'

export const databaseAddressForm = 'an address such as postgres://user:password@host/database'
export const publicUrlForm = 'an address such as https://video.example.com, with neither query nor password'

/** Whether it names a PostgreSQL server; anything else that tasks are kept in is a folder. */
export function isDatabaseAddress(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text) && URL.canParse(text)
}

/** An address as it may be shown. */
export function withoutPassword(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//…@')
}

/** Whether clients can be told to come there: an address of the web, without credentials, query or fragment. */
export function isPublicUrl(text: string): boolean {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) return false
  return url.host !== '' && url.username === '' && url.password === '' && !/[?#]/.test(text)
}

/** @throws RequestError for a text that names no PostgreSQL server */
export function checkDatabaseAddress(text: string): void {
  if (isDatabaseAddress(text)) return
  throw invalidRequest(
    'database',
    databaseAddressForm,
    JSON.stringify(withoutPassword(text)),
    'Tasks are kept in the folder when it is left out.',
  )
}

/** @throws RequestError for a text that is no address of the web */
export function checkPublicUrl(text: string): void {
  if (isPublicUrl(text)) return
  throw invalidRequest(
    'publicUrl',
    publicUrlForm,
    JSON.stringify(text),
    'Addresses of outputs and uploads begin with it.',
  )
}
