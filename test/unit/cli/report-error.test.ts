import { describe, expect, it } from 'vitest'
import { createProgram } from '../../../src/cli/program.ts'
import { failureOf } from '../../../src/cli/report-error.ts'
import { UsageError } from '../../../src/cli/usage-error.ts'
import { CancelledError, CheckpointError, MediaError, RequestError } from '../../../src/errors.ts'
import { systemReasons } from '../../../src/system-errors.ts'

/** How a command line ends that is not understood. */
async function endOf(...words: string[]) {
  const program = await createProgram()
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
      "option '-m, --model <folder|file|name>' argument missing\nSee: framewright generate --help",
    ],
    [['show'], "missing required argument 'file'\nSee: framewright show --help"],
    [
      ['show', 'a', 'b'],
      "too many arguments for 'show'. Expected 1 argument but got 2.\nSee: framewright show --help",
    ],
    [['models', 'pull'], "missing required argument 'id'\nSee: framewright models pull --help"],
    [
      ['keys', 'create', ' '],
      'name: expected a text that says whose the key is, got " ". For example: framewright keys create studio',
    ],
    [
      ['generate', 'a', '--sampler', 'ddim'],
      '--sampler: expected one of unipc, euler, dpm++2m, lcm, got "ddim". Leave it out for the one that the model names.',
    ],
    [
      ['generate', 'a', '--sampler', 'eular'],
      '--sampler: expected one of unipc, euler, dpm++2m, lcm, got "eular". Did you mean euler?',
    ],
    [
      ['generate', 'a', '--residency', 'realese'],
      '--residency: expected one of auto, keep, release-text, release, got "realese". Did you mean release?',
    ],
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

/** As Node throws them. */
function systemError(code: string, about: object = {}): Error {
  return Object.assign(new Error(`${code}: as the system says it`), {
    code,
    errno: -1,
    syscall: 'open',
    ...about,
  })
}

describe('an error of the operating system', () => {
  it.each([...Object.keys(systemReasons), 'ENOPROTOOPT', 'ESTALE', 'EPROTO'])(
    '%s is told as one, and is no defect',
    code => {
      const { exitCode, message } = failureOf(systemError(code, { path: '/a/b' }))
      expect(exitCode).toBe(1)
      expect(message).toMatch(/^\/a\/b: /)
      expect(message).toContain(code)
      expect(message).not.toContain('defect')
    },
  )

  it.each([
    [
      systemError('EADDRINUSE', { address: '127.0.0.1', port: 8421 }),
      'port 8421 is in use: choose another with --port',
    ],
    [
      systemError('ENOTDIR', { path: '/a.txt/b' }),
      '/a.txt/b: expected a folder, got a file (ENOTDIR). Give the name of a folder.',
    ],
    [
      new TypeError('fetch failed', { cause: systemError('ECONNREFUSED', { address: '::1', port: 80 }) }),
      '::1:80: expected a server that answers, got connection refused (ECONNREFUSED). Check the address, and that the server runs.',
    ],
    [
      new AggregateError([systemError('ETIMEDOUT', { address: '1.2.3.4', port: 443 })]),
      '1.2.3.4:443: expected a server that answers, got none in time (ETIMEDOUT). Check the address, and that the server runs.',
    ],
    [
      systemError('ENOTFOUND', { hostname: 'huggingface.co' }),
      'huggingface.co: expected a host, got none of that name (ENOTFOUND). Check the address and the connection to the network.',
    ],
  ])('%s is told in words, wherever it is found', (error, message) => {
    expect(failureOf(error)).toEqual({ exitCode: 1, message, code: 'system' })
  })
})

describe('an error', () => {
  it.each([
    [new UsageError({ subject: '--x', expected: 'y', got: 'z' }), 2, '--x: expected y, got z.'],
    [new RequestError('request/size', 'width: wrong.'), 2, 'width: wrong.'],
    [new MediaError('media/output', 'disk: full.', { cause: new Error('ENOSPC') }), 1, 'disk: full.'],
    [new MediaError('media/output', 'a.avi: wrong.'), 2, 'a.avi: wrong.'],
    [new MediaError('media/input', 'a.png: none.'), 2, 'a.png: none.'],
    [new CheckpointError('checkpoint/not-found', 'model x: none.'), 2, 'model x: none.'],
    [new CheckpointError('checkpoint/corrupt', 'model x: cut.'), 1, 'model x: cut.'],
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
