import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { completionScript } from '../../../src/cli/completion.ts'
import { createProgram } from '../../../src/cli/program.ts'

const program = await createProgram()

/** What bash offers for the last of the words. */
function offered(...words: string[]): string[] {
  const script = `${completionScript(program, 'bash')}
COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_framewright; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\n').filter(Boolean)
}

test('bash completes commands, those below them, and the flags of each', () => {
  expect(offered('framewright', 'gen')).toEqual(['generate'])
  expect(offered('framewright', 'models', 'pu')).toEqual(['pull'])
  expect(offered('framewright', 'generate', 'a ball', '--no-c')).toEqual(['--no-clobber'])
  expect(offered('framewright', 'serve', '--max-p')).toEqual(['--max-pixels'])
  expect(offered('framewright', 'package.js')).toEqual([])
  expect(offered('framewright', 'show', 'package.js')).toEqual(['package.json'])
})

test.each(['bash', 'zsh', 'fish'] as const)('%s has every flag of every command', shell => {
  const script = completionScript(program, shell)
  const flags = program.commands.flatMap(({ options }) => options.flatMap(({ long }) => long?.slice(2) ?? []))
  expect(flags.length).toBeGreaterThan(60)
  expect(flags.filter(flag => !script.includes(flag))).toEqual([])
})
