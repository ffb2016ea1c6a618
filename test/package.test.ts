/** What npm is told about the package. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface LockFile {
  readonly packages: Record<string, { readonly integrity?: string; readonly link?: boolean }>
}

test('the lock file has a checksum for every package of every platform', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile
  const installed = Object.entries(packages).filter(([folder]) => folder !== '')
  expect(installed.length).toBeGreaterThan(100)
  const unchecked = installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))
  expect(unchecked.map(([folder]) => folder)).toEqual([])
})
