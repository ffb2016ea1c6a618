import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** A library of custom operators, and the folders of kernels/ that it was made of. */
export interface KernelLibrary {
  readonly file: string
  readonly kernels: ReadonlySet<string>
}

/**
 * The library that `npm run build:kernels` made, or undefined where it was not built.
 * @param folder where it was put, another one in tests
 */
export function builtKernels(folder: string = buildFolder()): KernelLibrary | undefined {
  const file = path.join(folder, 'framewright_kernels.so')
  if (!existsSync(file)) return undefined
  // Which kernels are in it is not what the sources say: it may be older.
  const names = readFileSync(path.join(folder, 'kernels'), 'utf8').split('\n').filter(Boolean)
  return { file, kernels: new Set(names) }
}

function buildFolder(): string {
  const root = path.dirname(createRequire(import.meta.url).resolve('framewright/package.json'))
  return path.join(root, 'kernels', 'library', 'build')
}
