import { describe, expect, it } from 'vitest'
import { createProgram } from '../../../src/cli/program.ts'
import { failureOf } from '../../../src/cli/report-error.ts'
import { UsageError } from '../../../src/cli/usage-error.ts'
import { CancelledError, MediaError, RequestError } from '../../../src/errors.ts'

/** How a command line ends that is not understood. */
async function endOf(...words: string[]) {
  const program = createProgram()
  const commands = [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]
  for (const each of commands) each.configureOutput({ writeOut: () => {}, writeErr: () => {} })
  return await program.parseAsync(words, { from: 'user' }).then(() => undefined, failureOf)
}

describe('a command line that is not understood', () => {
  it.each([
    [['frobnicate'], "unknown command 'frobnicate'\nSee: framewright --help"],
    [['generat', 'a ball'], "unknown command 'generat'\n(Did you mean generate?)\nSee: framewright --help"],
    [
      ['generate', 'a', '--step', '3'],
      "unknown option '--step'\n(Did you mean --steps?)\nSee: framewright generate --help",
    ],
    [
      ['generate', 'a', 'red', 'ball'],
      "too many arguments for 'generate'. Expected 1 argument but got 3. Put the prompt in quotes.\nSee: framewright generate --help",
    ],
    [
      ['generate', 'a', '-m'],
      "option '-m, --model <folder|name>' argument missing\nSee: framewright generate --help",
    ],
    [['show'], "missing required argument 'file'\nSee: framewright show --help"],
    [
      ['show', 'a', 'b'],
      "too many arguments for 'show'. Expected 1 argument but got 2.\nSee: framewright show --help",
    ],
    [['models', 'pull'], "missing required argument 'id'\nSee: framewright models pull --help"],
    [
      ['export', 'doodle'],
      "required option '-o, --output <folder>' not specified\nSee: framewright export --help",
    ],
  ])('%j is told so, with where to read on', async (words, message) => {
    expect(await endOf(...words)).toEqual({ exitCode: 2, message, code: 'usage' })
  })

  it('without a command ends like a mistake, after help', async () => {
    expect(await endOf()).toMatchObject({ exitCode: 2, message: undefined })
    expect(await endOf('models')).toMatchObject({ exitCode: 2, message: undefined })
  })

  it.each([['--help'], ['--version'], ['generate', '--help']])('%s is none', async (...words) => {
    expect(await endOf(...words)).toMatchObject({ exitCode: 0, message: undefined })
  })
})

describe('an error', () => {
  it.each([
    [new UsageError({ subject: '--x', expected: 'y', got: 'z' }), 2, '--x: expected y, got z.'],
    [new RequestError('request/size', 'width: wrong.'), 2, 'width: wrong.'],
    [new MediaError('media/output', 'disk: full.'), 1, 'disk: full.'],
    [new CancelledError(), 130, undefined],
    [
      new TypeError('x is not a function'),
      1,
      expect.stringMatching(/^unexpected: x is not a function\nThis is a defect/),
    ],
    ['thrown text', 1, expect.stringMatching(/^unexpected: thrown text\n/)],
  ])('%s ends the process with %d', (error, exitCode, message) => {
    expect(failureOf(error)).toMatchObject({ exitCode, message })
  })
})
