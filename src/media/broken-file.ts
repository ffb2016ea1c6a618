import { MediaError } from '../errors.ts'
import { libraryReason } from './library-reason.ts'

/** The error for a file whose content a library fails to decode. */
export function brokenFile(path: string, expected: string, cause: unknown): MediaError {
  const got = `a broken one (${libraryReason(cause)})`
  const advice = 'It may be cut off; copy or download it again.'
  return new MediaError('media/input', { subject: path, expected, got, advice }, { cause })
}
