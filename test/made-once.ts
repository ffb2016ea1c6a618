import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { inject } from 'vitest'

/**
 * Makes something that takes long once in a run of the tests: the first file that asks for it makes it in a folder, the
 * others wait.
 * @param make fills the folder and gives what is known of it, as JSON
 */
export async function madeOnce<T>(name: string, make: (folder: string) => Promise<T>): Promise<T> {
  const folder = path.join(inject('runFolder'), name)
  const result = `${folder}.json`
  if (mkdirSync(folder, { recursive: true }) !== undefined) {
    const made = await make(folder)
    writeFileSync(`${result}.part`, JSON.stringify(made))
    renameSync(`${result}.part`, result)
    return made
  }
  const waited = AbortSignal.timeout(300_000)
  while (!existsSync(result)) await setTimeout(50, undefined, { signal: waited })
  return JSON.parse(readFileSync(result, 'utf8')) as T
}
