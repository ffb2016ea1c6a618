import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Files that `npm run build` compiles; the rest, such as the Studio's, has nothing beside it in dist. */
const compiled = /^(?:src|models|kernels|bench)\/.*\.ts$/

/** What vitest leaves to Node.js to load. */
export const compiledFolders = [/\/dist\/(?:src|models|kernels|bench)\//]

/**
 * Tests import what is compiled in place of its source. Node.js loads it by itself: vitest would compile every module again
 * in each run, and look up each import at each call. `npm test` builds first.
 */
export function compiledSources(): Plugin {
  return {
    name: 'compiled-sources',
    enforce: 'pre',
    resolveId(source, importer) {
      if (!source.startsWith('.') || importer === undefined) return undefined
      const file = path.relative(root, path.resolve(path.dirname(importer), source))
      if (!compiled.test(file)) return undefined
      const made = path.join(root, 'dist', file.replace(/ts$/, 'js'))
      return existsSync(made) ? made : undefined
    },
  }
}
