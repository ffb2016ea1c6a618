/** Every block of code in the documents: commands are read by the parser; test/e2e compiles the programs. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { createProgram } from '../src/cli/program.ts'
import { codeBlocks, documentCommands, documentPrograms } from './markdown-code.ts'

test('every block is a program or commands: none is left unread', () => {
  const read = new Set([...documentPrograms, ...documentCommands])
  expect(codeBlocks.filter(block => !read.has(block))).toEqual([])
  expect(documentPrograms.length).toBeGreaterThan(3)
})

describe('commands', () => {
  const commands = documentCommands.flatMap(({ file, text }) =>
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
