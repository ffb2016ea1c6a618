import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** A TypeScript file of the project, its path relative to the root with forward slashes. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

export interface Import {
  /** A path relative to the root for a file of the project, else the specifier as it is written. */
  readonly target: string
  readonly inside: boolean
  /** Erased by the compiler: `import type`, or only `type` names in the braces. */
  readonly typeOnly: boolean
  /** `import()`: loaded when it is reached. */
  readonly dynamic: boolean
}

/** Paths of the files below a folder of the project, generated and installed ones left out. */
export function pathsBelow(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .filter(
      file =>
        !/(^|\/)(node_modules|dist|__pycache__|fixtures|checkpoint|docs\/site\/pages|bench\/gpu\/kit)\//.test(
          file,
        ),
    )
}

export function readSource(file: string): SourceFile {
  return { path: file, text: readFileSync(path.join(root, file), 'utf8') }
}

const statement = /^(?:import|export)\s+(type\s+)?(?:([^'"();]*?)\s*from\s+)?['"]([^'"]+)['"]/gm
const dynamicImport = /(typeof\s+)?\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

/** Everything that a file imports or re-exports. */
export function importsOf({ path: file, text }: SourceFile): Import[] {
  const code = withoutComments(text)
  const statements = [...code.matchAll(statement)].map(([, type, names = '', target]) => {
    return { ...locate(file, target!), typeOnly: type !== undefined || onlyTypes(names), dynamic: false }
  })
  const dynamic = [...code.matchAll(dynamicImport)].map(([, type, target]) => {
    return { ...locate(file, target!), typeOnly: type !== undefined, dynamic: true }
  })
  return [...statements, ...dynamic]
}

/** The contents of a file's string literals. */
export function stringLiterals({ text }: SourceFile): string[] {
  return [...text.matchAll(token)].flatMap(([found]) => (found.startsWith('/') ? [] : [found.slice(1, -1)]))
}

/** Comments and string literals, whichever comes first. */
const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g

export function withoutComments(text: string): string {
  return text.replace(token, found => (found.startsWith('/') ? '' : found))
}

function onlyTypes(names: string): boolean {
  const inBraces = /^\{([\s\S]*)\}$/.exec(names.trim())?.[1]
  if (inBraces === undefined) return false
  const each = inBraces.split(',').map(name => name.trim())
  return each.filter(Boolean).every(name => name.startsWith('type '))
}

function locate(file: string, specifier: string): { target: string; inside: boolean } {
  if (!specifier.startsWith('.')) return { target: specifier, inside: false }
  return { target: path.posix.join(path.posix.dirname(file), specifier), inside: true }
}
