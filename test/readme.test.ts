/** The documents say what is so. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { afterAll, describe, expect, test } from 'vitest'
import { families } from '../models/index.ts'
import { createProgram } from '../src/cli/program.ts'

const run = promisify(execFile)
const readme = readFileSync('README.md', 'utf8')
const contributing = readFileSync('CONTRIBUTING.md', 'utf8')
const ci = readFileSync('.ci/run', 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'framewright-readme-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Lines of the shell blocks of a document. */
function commandsIn(text: string): string[] {
  return blocks(text, 'sh').flatMap(block => block.split('\n').map(line => line.replace(/\s+#.*$/, '')))
}

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block]) =>
    block!.trim(),
  )
}

describe('the README', () => {
  test('has the commands that install and test, and CI runs just these', () => {
    const commands = commandsIn(readme).filter(line => /^npm (ci|run test|test|install)/.test(line))
    expect(new Set(commands)).toEqual(new Set(['npm ci', 'npm test', 'npm run test:e2e']))
    const lines = ci.split('\n').map(line => line.replace(/ \|\| .*$/, ''))
    expect(lines.filter(line => line.startsWith('npm '))).toEqual([
      'npm ci',
      'npm test',
      'npm run test:e2e',
      'npm run lint',
      'npm run typecheck',
      'npm run docs',
    ])
  })

  test('uses commands and flags that the command line has', async () => {
    const lines = readme.split('\n').flatMap(line => line.match(/framewright [a-z]+ [^`]*/g) ?? [])
    expect(lines.length).toBeGreaterThan(4)
    for (const line of lines) {
      const [, ...words] = line.split(' ')
      let command: Command | undefined = await createProgram()
      while (command.commands.length > 0) {
        const name = words.shift()
        command = command.commands.find(each => each.name() === name)
        expect(command, line).toBeDefined()
        if (!command) return
      }
      const known = ['--help', ...command.options.map(option => option.long)]
      expect(known).toEqual(expect.arrayContaining([...line.matchAll(/--[a-z-]+/g)].map(([flag]) => flag)))
    }
  })

  test('names scripts and files that exist', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Record<string, string>
    }
    for (const text of [readme, contributing]) {
      for (const [, name] of text.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty([name!])
      for (const [, file] of text.matchAll(/\]\(((?!http)[^)#]+)\)/g))
        expect(existsSync(file!), file).toBe(true)
    }
  })

  test('names files in its map that exist', () => {
    const named = [...contributing.matchAll(/`((?:src|test|models|docs)\/[\w./-]+)`/g)].map(
      ([, file]) => file!,
    )
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter(file => !existsSync(file))).toEqual([])
  })

  test('has every family in its table of models', () => {
    const table = readme.slice(readme.indexOf('\n## Models'), readme.indexOf('\n## How it works'))
    const missing = families.filter(({ name }) => !new RegExp(`^\\|.*\\b${name}\\b.*\\|$`, 'im').test(table))
    expect(missing.map(({ name }) => name)).toEqual([])
  })

  test('has a library example that makes a video', async () => {
    const [example] = blocks(readme, 'ts')
    const file = join(folder, 'ball.mp4')
    const source = example!.replace("'ball.mp4'", JSON.stringify(file))
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', source])
    expect(stdout).toMatch(/^step 1 of 20\n(step \d+ of 20\n){19}17 frames in .*ball\.mp4\n$/)
    expect(readFileSync(file).subarray(4, 8).toString()).toBe('ftyp')
  })
})

describe('.ci/summary.mjs', () => {
  const passed = { status: 'passed', fullName: 'a' }
  const failed = { status: 'failed', fullName: 'b', failureMessages: ['expected 1\n    at a.test.ts:1'] }

  test.each<[string, object | undefined, string[], number, string]>([
    [
      'nothing failed',
      { numPassedTests: 2, testResults: [file([passed, passed])] },
      [],
      0,
      '2 passed, 0 failed, 0 skipped',
    ],
    [
      'a test was skipped',
      { numPassedTests: 1, testResults: [file([passed, { status: 'skipped', fullName: 'c' }])] },
      [],
      0,
      'skipped: a.test.ts: c\n1 passed, 0 failed, 1 skipped',
    ],
    [
      'a test failed',
      { numPassedTests: 1, testResults: [file([passed, failed])] },
      ['npm test'],
      1,
      'failed: a.test.ts: b: expected 1\n1 passed, 1 failed, 0 skipped',
    ],
    [
      'a file could not be loaded',
      {
        numPassedTests: 1,
        testResults: [file([passed]), { ...file([]), status: 'failed', name: 'x.test.ts' }],
      },
      ['npm test'],
      1,
      'failed: x.test.ts\n1 passed, 1 failed, 0 skipped',
    ],
    [
      'lint failed',
      { numPassedTests: 1, testResults: [file([passed])] },
      ['npm run lint'],
      1,
      'failed: npm run lint\n1 passed, 1 failed, 0 skipped',
    ],
    [
      'the tests ended badly after all had passed',
      { numPassedTests: 1, testResults: [file([passed])] },
      ['npm test'],
      1,
      'failed: npm test\n1 passed, 1 failed, 0 skipped',
    ],
    ['there is no report', undefined, [], 1, 'failed: npm test\n0 passed, 1 failed, 0 skipped'],
  ])('%s', async (_, report, commands, code, output) => {
    const path = join(folder, 'report.json')
    if (report) writeFileSync(path, JSON.stringify(report))
    else rmSync(path, { force: true })
    const ended = await run(process.execPath, [
      '.ci/summary.mjs',
      `npm test=${path}`,
      '--',
      ...commands,
    ]).then(
      ({ stdout }) => ({ stdout, code: 0 }),
      (error: { stdout: string; code: number }) => error,
    )
    expect(ended.stdout.trim()).toBe(output)
    expect(ended.code).toBe(code)
  })

  test('several suites are one sum', async () => {
    const suites = [
      [passed, passed],
      [passed, failed],
    ].map((results, index) => {
      const path = join(folder, `suite-${index}.json`)
      const numPassedTests = results.filter(({ status }) => status === 'passed').length
      writeFileSync(path, JSON.stringify({ numPassedTests, testResults: [file(results)] }))
      return `npm run test${index}=${path}`
    })
    const ended = run(process.execPath, ['.ci/summary.mjs', ...suites, '--', 'npm run test1'])
    await expect(ended).rejects.toMatchObject({
      stdout: 'failed: a.test.ts: b: expected 1\n3 passed, 1 failed, 0 skipped\n',
      code: 1,
    })
  })

  function file(assertionResults: object[]): object {
    const failing = assertionResults.includes(failed)
    return { name: 'a.test.ts', status: failing ? 'failed' : 'passed', assertionResults }
  }
})
