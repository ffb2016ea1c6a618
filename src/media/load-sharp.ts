import { createRequire } from 'node:module'
import type sharp from 'sharp'

const require = createRequire(import.meta.url)

/**
 * The picture library. It loads on first use, for it is large, and as CommonJS, for its ES modules import JSON with a
 * syntax that Node.js 20.9 does not have.
 */
export function loadSharp(): typeof sharp {
  return require('sharp') as typeof sharp
}
