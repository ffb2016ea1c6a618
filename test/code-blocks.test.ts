/** Every block of code in the documents: programs are compiled against the package, commands are read by the parser. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createProgram } from '../src/cli/program.ts'
import { pathsBelow } from './source-tree.ts'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'framewright-blocks-'))
afterAll(() => rmSync(folder, { recursive: true }))

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...['docs', 'models', 'kernels', 'bench'].flatMap(pathsBelow).filter(file => file.endsWith('.md')),
]

interface Block {
  readonly file: string
  readonly language: string
  readonly text: string
}

const blocks: readonly Block[] = documents.flatMap(file =>
  [...readFileSync(file, 'utf8').matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, text]) => {
    return { file, language: language!, text: text! }
  }),
)

const programs = blocks.filter(({ language }) => language === 'ts' || language === 'js')
const shell = blocks.filter(({ language }) => language === 'sh')

test('every block is a program or commands: none is left unread', () => {
  const read = new Set([...programs, ...shell])
  expect(blocks.filter(block => !read.has(block))).toEqual([])
  expect(programs.length).toBeGreaterThan(3)
})

/** Compiles programs as a project does that has installed the package, with Node's types and without the DOM's. */
async function compile(sources: readonly string[], options: object): Promise<string> {
  const project = mkdtempSync(join(folder, 'project-'))
  const packages = sources.flatMap(text =>
    [...text.matchAll(/from '((?:@[\w-]+\/)?[\w-]+)/g)].map(([, name]) => name!),
  )
  for (const name of new Set(['@types/node', 'framewright', ...packages])) {
    const link = join(project, 'node_modules', name)
    const target = name === 'framewright' ? '.' : `node_modules/${name}`
    if (/^node/.test(name)) continue
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(resolve(target), link)
  }
  const files = sources.map((text, index) => {
    writeFileSync(join(project, `${index}.mts`), text)
    return `${index}.mts`
  })
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023'],
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    types: ['node'],
    strict: true,
    noEmit: true,
    ...options,
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const tsc = resolve('node_modules/typescript/bin/tsc')
  return await run(process.execPath, [tsc, '-p', project]).then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  )
}

describe('programs', () => {
  const consumer = `
    import * as framewright from 'framewright'
    import type { MediaSource } from 'framewright'
    import sharp from 'sharp'
    export const image: MediaSource = sharp('a.png')
    export const sources: MediaSource[] = ['a.png', new URL('file:///a.png'), Buffer.of(1), new Blob([])]
    for await (const event of framewright.generate({ prompt: 'a ball', output: 'a.mp4', image: sources[1] })) {
      if (event.type === 'notice') console.log(event.code, event.message)
    }
  `
  const wrong = "import { generateVideos } from 'framewright'\ngenerateVideos()"
  /** What the compiler says of all of them at once, which takes little longer than one. */
  let said: readonly string[]

  beforeAll(async () => {
    const sources = [...programs.map(({ text }) => text), consumer, wrong]
    said = (await compile(sources, { skipLibCheck: true })).split('\n').filter(line => line !== '')
  })

  test('of the documents compile as they stand, and so does one that has pictures of sharp', () => {
    expect(said.filter(line => !line.includes(`/${programs.length + 1}.mts(`))).toEqual([])
  })

  test('that are wrong are found', () => {
    expect(said.join('\n')).toContain('generateVideos')
  })

  test('compile with the declarations of the package checked, without the DOM', async () => {
    const out = await compile([consumer.replace(/.*sharp.*\n/g, '')], { skipLibCheck: false })
    expect(out).toBe('')
  })
})

describe('commands', () => {
  const commands = shell.flatMap(({ file, text }) =>
    text
      .replaceAll('\\\n', ' ')
      .split('\n')
      .map(line => line.replace(/\s+#.*$/, '').trim())
      // Those of curl are run as a whole, against a server: test/e2e/serve/command.test.ts.
      .filter(line => line !== '' && !/curl|^id=/.test(line))
      .map(line => [file, line] as const),
  )

  test.each(commands)('of %s can be run: %s', async (_, line) => {
    await checkCommand(wordsOf(line))
  })
})

/** As a shell splits a line: words, and what is in quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain!,
  )
}

/** Programs of others that the documents call, for what is not run here: the files that they are given have to exist. */
const foreign: readonly string[] = ['node', 'python', 'tar', 'g++']

async function checkCommand(words: readonly string[]): Promise<void> {
  const [program, ...rest] = words[0] === 'npx' ? words.slice(1) : words
  if (program === 'framewright') await checkFlags(rest)
  else if (program === 'npm') checkNpm(rest)
  else if (program === 'npx' || rest.length === 0 || !foreign.includes(program!)) checkTool(program!)
  else for (const file of rest.filter(each => /^(bench|dist|kernels|models)\//.test(each))) checkFile(file)
}

async function checkFlags(words: readonly string[]): Promise<void> {
  let command: Command = await createProgram()
  let rest = [...words]
  while (command.commands.length > 0) {
    const next = command.commands.find(each => each.name() === rest[0])
    expect(next, words.join(' ')).toBeDefined()
    command = next!
    rest = rest.slice(1)
  }
  // Values are read, too: a wrong one throws.
  const { operands, unknown } = command.parseOptions(rest)
  expect(unknown).toEqual([])
  expect(operands.length).toBeLessThanOrEqual(command.registeredArguments.length)
}

function checkNpm([verb, name]: readonly string[]): void {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  if (verb === 'run') expect(scripts).toHaveProperty([name!])
  else expect(['ci', 'test', 'install', 'pack']).toContain(verb)
}

function checkTool(program: string): void {
  const exists = existsSync(program) || existsSync(join('node_modules/.bin', program))
  expect(exists, program).toBe(true)
}

function checkFile(file: string): void {
  expect(existsSync(file), file).toBe(true)
}
