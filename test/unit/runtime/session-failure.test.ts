import { expect, test } from 'vitest'
import { openError, runError } from '../../../src/runtime/session-failure.ts'

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

test.each([
  'bfc_arena.cc:359 AllocateRawInternal Failed to allocate memory for requested buffer of size 9556377600',
  'bfc_arena.cc:376 Available memory of 1024 is smaller than requested bytes of 2048',
  'std::bad_alloc',
  'CUDA failure 2: out of memory ; GPU=0',
  'CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0',
  'Array buffer allocation failed',
])('memory that ran out is told from other failures, on every device: %s', message => {
  for (const device of [{ type: 'cpu' }, { type: 'cuda', index: 0 }] as const) {
    expect(openError('vae', device, new Error(message)).code).toBe('runtime/memory')
  }
  expect(runError('vae', new Error(message)).code).toBe('runtime/memory')
  expect(runError('vae', new Error('CUDA failure 700: an illegal memory access')).code).toBe(
    'runtime/session',
  )
})
