import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { ErrorCode } from '../src/errors.ts'
import { FramewrightError } from '../src/errors.ts'

/** A folder that is removed when the tests of the file are done. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'framewright-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What a promise is rejected with; fails when it is not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('expected a rejection, got a result')
}

/** The code and message of an error of this package; fails for any other. */
export async function failure(
  promise: Promise<unknown>,
): Promise<{ code: ErrorCode; message: string; name: string }> {
  const error = await rejection(promise)
  if (!FramewrightError.is(error)) throw error
  return { code: error.code, message: error.message, name: error.name }
}
