import { base } from '../server/call.ts'
import { apiKey } from '../server/session.ts'
import { bodyOf, type Draft } from './draft.ts'

/** The command that sends the request of a draft; the key is a variable of the shell's, files have to be uploaded first. */
export function curlOf(draft: Draft): string {
  const body = bodyOf(draft, ({ address, name }) => address ?? `runway://UPLOAD-OF-${name}`)
  const key = apiKey.value === undefined ? [] : ['-H "authorization: Bearer $FRAMEWRIGHT_KEY"']
  const words = [
    `curl ${quoted(new URL('v1/tasks', base).href)}`,
    "-H 'content-type: application/json'",
    ...key,
    `-d ${quoted(JSON.stringify(body))}`,
  ]
  return words.join(' \\\n  ')
}

/** As a POSIX shell has to be given it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
