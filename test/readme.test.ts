/** The documents say what is so. */
import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { families } from '../models/index.ts'
import { createProgram } from '../src/cli/program.ts'
import { documentCommands } from './markdown-code.ts'

const readme = readFileSync('README.md', 'utf8')
const contributing = readFileSync('CONTRIBUTING.md', 'utf8')
const ci = readFileSync('.ci/run', 'utf8')

describe('the README', () => {
  test('has the commands that install and test, and CI runs just these', () => {
    const commands = documentCommands
      .filter(({ file }) => file === 'README.md')
      .flatMap(({ text }) => text.split('\n').map(line => line.replace(/\s+#.*$/, '')))
      .filter(line => /^npm (ci|run test|test|install)/.test(line))
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
})
