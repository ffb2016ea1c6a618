/** What `npm run build:native` and `npm run build:kernels` have built on this machine. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { invalidRequest } from '../errors.ts'

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

const leftOutVariable = 'FRAMEWRIGHT_WITHOUT_KERNELS'

/**
 * A library without the kernels that `FRAMEWRIGHT_WITHOUT_KERNELS` names, by folder with commas between:
 * `norm-modulate,gated-residual`. Graphs then do the same in ONNX's own ops, so that a kernel can be measured, and a wrong
 * result be traced to it.
 * @throws RequestError for a name that is none of the library's
 */
export function withoutKernels(
  library: KernelLibrary | undefined,
  variables: NodeJS.ProcessEnv = process.env,
): KernelLibrary | undefined {
  const names = (variables[leftOutVariable] ?? '').split(',').flatMap(name => name.trim() || [])
  if (!library || names.length === 0) return library
  const unknown = names.filter(name => !library.kernels.has(name))
  if (unknown.length > 0) {
    throw invalidRequest(
      leftOutVariable,
      `names of ${[...library.kernels].join(', ')}, with commas between`,
      unknown.join(', '),
    )
  }
  return { ...library, kernels: new Set([...library.kernels].filter(name => !names.includes(name))) }
}

function buildFolder(): string {
  return path.join(kernelsFolder(), 'library', 'build')
}

/** Where `npm run build:native` puts the addon. */
export function addonFile(): string {
  return path.join(kernelsFolder(), 'addon', 'build', 'framewright_native.node')
}

function kernelsFolder(): string {
  const root = path.dirname(createRequire(import.meta.url).resolve('framewright/package.json'))
  return path.join(root, 'kernels')
}

/** What of ours was built on this machine, without the kernels that the environment leaves out. */
export interface NativeParts {
  readonly addon: boolean
  readonly kernels: KernelLibrary | undefined
}

export function nativeParts(): NativeParts {
  return { addon: existsSync(addonFile()), kernels: withoutKernels(builtKernels()) }
}
