/** A folder that the files of one run of the tests share, whichever worker they are in: see `madeOnce`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    runFolder: string
  }
}

let folder: string | undefined

/** Before the first file. */
export function setup(project: TestProject): void {
  folder = mkdtempSync(path.join(tmpdir(), 'framewright-test-run-'))
  project.provide('runFolder', folder)
}

/** After the last. */
export function teardown(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}
