import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const committed = folder('./fixtures/goldens/')
const full = folder('../../shared/goldens/')

/**
 * Whether the full set of reference results, of which a subset is committed, is left out or not at hand. With
 * `FRAMEWRIGHT_REFERENCES=committed` in the environment it is left out, as in a clone that stands alone.
 */
const standsAlone = process.env.FRAMEWRIGHT_REFERENCES === 'committed' || !existsSync(full)
const roots = standsAlone ? [committed] : [full, committed]

/** Where the reference cases are: no test writes there. */
export const referenceFolders: readonly string[] = roots

/** Where a reference file or folder may be: large ones of results are committed compressed. */
const placesOf = (path: string) => roots.flatMap(root => [root + path, `${root}${path}.gz`])

/** Absolute path of a reference file, which ends in .gz where it is compressed, or of a folder. */
export function fixture(path: string): string {
  const found = placesOf(path).find(existsSync)
  if (found === undefined)
    throw new Error(`fixture ${path}: expected it under ${roots.join(' or ')}, got nothing.`)
  return found
}

/** The committed one, whose weights `test/reference-model.ts` writes before a run: results recorded with it are committed too. */
export const committedModel = `${committed}wan21-t2v/model`

/** Whether one of a row of reference files that ends somewhere is at hand. */
export function isFixture(path: string): boolean {
  return placesOf(path).some(existsSync)
}

/**
 * Whether a reference file or folder is at hand: a clone has a subset, and skips what needs the rest. Beside the full set
 * nothing is skipped: what is missing there is an error.
 */
export function hasFixture(path: string): boolean {
  if (isFixture(path)) return true
  if (standsAlone) return false
  throw new Error(`fixture ${path}: expected it in the full set at ${full}, got nothing.`)
}
