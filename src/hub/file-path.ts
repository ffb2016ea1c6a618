import { HubError } from '../errors.ts'

/** What a file is called until it is whole and verified. */
export const partialSuffix = '.partial'

/** The note that says what was pulled into a folder. */
export const recordName = '.framewright-pull.json'

/**
 * Checks that a file name from the hub stays inside the folder it will be joined to, on any operating system, and
 * is not one that pulling itself uses.
 * @throws HubError otherwise
 */
export function checkFilePath(path: string, id: string): void {
  const segments = path.split('/')
  const leaves = segments.some(segment => segment === '' || segment === '.' || segment === '..')
  const foreign = /[\\:]/.test(path) || path.includes('\0')
  const reserved = path.endsWith(partialSuffix) || segments.includes(recordName)
  if (!leaves && !foreign && !reserved) return
  throw new HubError('hub/download', {
    subject: `model ${id}`,
    expected: 'file names that stay inside its folder',
    got: JSON.stringify(path),
    advice: 'Do not use this repository.',
  })
}
