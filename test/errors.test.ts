import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  BackendError,
  CancelledError,
  type ErrorCode,
  errorCodes,
  FramewrightError,
  messageOf,
  RequestError,
} from '../src/errors.ts'
import * as api from '../src/index.ts'
import { noticeCodes } from '../src/notices.ts'
import { systemReasons } from '../src/system-errors.ts'
import { pathsBelow, readSource, stringLiterals } from './source-tree.ts'

const page = readFileSync('docs/errors.md', 'utf8')
const rows = [...page.matchAll(/^\| `([a-z/-]+)` +\| `(\w+)` +\| (.+?) +\| (.+?) +\|$/gm)].map(
  ([, code, name, meaning, remedy]) => ({ code, name, meaning, remedy }),
)

describe('docs/errors.md', () => {
  test('has every code, in order, with what it means', () => {
    expect(rows.map(({ code, meaning }) => [code, meaning])).toEqual(Object.entries(errorCodes))
  })

  test('has every code of a notice, in order, with what it means', () => {
    const found = [...page.matchAll(/^\| `([a-z/-]+)` +\| ([^|`]+?) +\|$/gm)].map(([, ...row]) => row)
    expect(found).toEqual(Object.entries(noticeCodes))
  })

  test('has every error of the operating system that has words of its own', () => {
    const found = [...page.matchAll(/^\| `(E[A-Z_]+)` +\| (.+?) +\| (.+?) +\| (.+?) +\|$/gm)].map(
      ([, code, expected, got, advice]) => [code, { expected, got, advice }],
    )
    expect(found).toEqual(Object.entries(systemReasons))
  })

  test('says of every code which class carries it, and what to do', () => {
    const classes = Object.keys(api).filter(name => name.endsWith('Error'))
    for (const { name, remedy } of rows) {
      expect(classes).toContain(name)
      expect(remedy).toMatch(/^[A-Z].*\.$/)
    }
  })
})

describe('codes', () => {
  const thrown = ['src', 'models']
    .flatMap(pathsBelow)
    .filter(file => file.endsWith('.ts') && !['src/errors.ts', 'src/notices.ts'].includes(file))
    .flatMap(file => stringLiterals(readSource(file)))

  const codes = [...Object.keys(errorCodes), ...Object.keys(noticeCodes)]
  test.each(codes.filter(code => code !== 'cancelled'))('%s is used somewhere', code => {
    expect(thrown).toContain(code)
  })
})

describe('an error of this package', () => {
  test('says subject, expected, got and what to do, and keeps them as fields', () => {
    const expectation = { subject: 'frames', expected: '4k + 1', got: '80', advice: 'Use 77 or 81.' }
    const error = new RequestError('request/size', expectation)
    expect(error.message).toBe('frames: expected 4k + 1, got 80. Use 77 or 81.')
    expect(error).toMatchObject({ name: 'RequestError', code: 'request/size', expectation })
    expect(error).toBeInstanceOf(FramewrightError)
  })

  test('may leave the advice out, or be a sentence', () => {
    expect(new RequestError('request/size', { subject: 'frames', expected: '1', got: '2' }).message).toBe(
      'frames: expected 1, got 2.',
    )
    const plain = new BackendError('runtime/session', 'it stopped')
    expect(plain).toMatchObject({ message: 'it stopped', expectation: undefined })
  })

  test.each([
    ['', '"": expected a file, got none.'],
    ['model ', 'model "": expected a file, got none.'],
  ])('shows a name that is empty: %j', (subject, message) => {
    const error = new RequestError('request/invalid', { subject, expected: 'a file', got: 'none' })
    expect(error.message).toBe(message)
  })

  test('keeps its cause', () => {
    const cause = new Error('below')
    expect(new CancelledError({ cause }).cause).toBe(cause)
    expect(new CancelledError().code satisfies ErrorCode).toBe('cancelled')
  })

  test('is known by its mark, also when another copy of the package made it', () => {
    const foreign = { [Symbol.for('framewright.error')]: true, code: 'cancelled' }
    expect(FramewrightError.is(foreign)).toBe(true)
    expect(FramewrightError.is(new RequestError('request/size', 'x'))).toBe(true)
    expect(FramewrightError.is(new Error('x'))).toBe(false)
    expect(FramewrightError.is(null)).toBe(false)
  })
})

test('messageOf gives the message of an error and the text of anything else', () => {
  expect([messageOf(new Error('a')), messageOf('b'), messageOf(3)]).toEqual(['a', 'b', '3'])
})
