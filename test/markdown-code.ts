/** The code in the documents. */
import { readFileSync } from 'node:fs'
import { pathsBelow } from './source-tree.ts'

export interface CodeBlock {
  readonly file: string
  readonly language: string
  /** Without the fences. */
  readonly text: string
}

/** All but those of tests. */
export const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...['docs', 'examples', 'models', 'kernels', 'bench']
    .flatMap(pathsBelow)
    .filter(file => file.endsWith('.md')),
]

export const codeBlocks: readonly CodeBlock[] = documents.flatMap(file =>
  [...readFileSync(file, 'utf8').matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, text]) => {
    return { file, language: language!, text: text! }
  }),
)

/** Programs are compiled, and commands are read. */
export const documentPrograms = codeBlocks.filter(({ language }) => language === 'ts' || language === 'js')
export const documentCommands = codeBlocks.filter(({ language }) => language === 'sh')
