import { createRequire } from 'node:module'
import path from 'node:path'

const require = createRequire(import.meta.url)

/** Where this package is installed: the folder of its package.json. */
export function packageFolder(): string {
  return path.dirname(require.resolve('framewright/package.json'))
}

/** This package's version, as package.json has it. */
export function packageVersion(): string {
  return (require('framewright/package.json') as { version: string }).version
}
