import { expect, test } from 'vitest'
import { runError } from '../../../src/runtime/session-failure.ts'

test('a failure of a run is its first line, and all of it is in the cause', () => {
  const cause = new Error('Non-zero status code.\nstack')
  const error = runError('transformer', cause)
  expect(error.message).toBe('transformer: expected a run without error, got Non-zero status code.')
  expect(error.cause).toBe(cause)
})

test('a failure that prints a whole graph is cut', () => {
  const error = runError('transformer', new Error(`no plan for ${'{"dim":[1,4]}'.repeat(200)}`))
  expect(error.expectation?.got).toHaveLength(501)
  expect(error.expectation?.got).toMatch(/^no plan for \{"dim".*…$/)
})
