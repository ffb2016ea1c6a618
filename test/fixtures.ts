import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * The full set of reference results, where a checkout has it beside it, before the subset that is committed. With
 * `FRAMEWRIGHT_REFERENCES=committed` in the environment only the subset counts, as in a clone that stands alone.
 */
const full = process.env.FRAMEWRIGHT_REFERENCES === 'committed' ? './none/' : '../../shared/goldens/'
const roots = [full, './fixtures/goldens/'].map(path => fileURLToPath(new URL(path, import.meta.url)))

/** Absolute path of a reference file or folder. */
export function fixture(path: string): string {
  const found = roots.map(root => root + path).find(existsSync)
  if (found === undefined)
    throw new Error(`fixture ${path}: expected it under ${roots.join(' or ')}, got nothing.`)
  return found
}

/** The committed one, whose weights `test/reference-model.ts` writes before a run: results recorded with it are committed too. */
export const committedModel = `${roots[1]}wan21-t2v/model`

/** Whether one of a row of reference files that ends somewhere is at hand. */
export function isFixture(path: string): boolean {
  return roots.some(root => existsSync(root + path))
}

/**
 * Whether a reference file or folder is at hand: a clone has a subset, and skips what needs the rest. Beside the full set
 * nothing is skipped: what is missing there is an error.
 */
export function hasFixture(path: string): boolean {
  if (isFixture(path)) return true
  if (existsSync(roots[0]!))
    throw new Error(`fixture ${path}: expected it in the full set at ${roots[0]}, got nothing.`)
  return false
}
