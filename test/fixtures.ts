import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The full set of reference results, where a checkout has it beside it, before the subset that is committed. */
const roots = ['../../shared/goldens/', './fixtures/goldens/'].map(path =>
  fileURLToPath(new URL(path, import.meta.url)),
)

/** Absolute path of a reference file or folder. */
export function fixture(path: string): string {
  const found = roots.map(root => root + path).find(existsSync)
  if (found === undefined)
    throw new Error(`fixture ${path}: expected it under ${roots.join(' or ')}, got nothing.`)
  return found
}

/** Whether a reference file or folder is at hand. */
export function hasFixture(path: string): boolean {
  return roots.some(root => existsSync(root + path))
}
