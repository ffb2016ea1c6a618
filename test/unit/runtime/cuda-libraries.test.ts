import { mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import {
  cudnnVersion,
  isAtLeast,
  loaderFinds,
  locateCudaLibraries,
  missingCudaLibraries,
} from '../../../src/runtime/cuda-libraries.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()

test('a library of CUDA is found in the folders of LD_LIBRARY_PATH, the first of them that has it', async () => {
  const [first, second] = ['first', 'second'].map(name => path.join(folder, name)) as [string, string]
  await mkdir(first)
  await mkdir(second)
  await writeFile(path.join(second, 'libcudart.so.13'), '')
  const variables = { LD_LIBRARY_PATH: `${first}:${second}` }
  const found = new Map([...locateCudaLibraries(variables)].map(([{ file }, at]) => [file, at]))
  expect(found.get('libcudart.so.13')).toBe(path.join(second, 'libcudart.so.13'))
  expect(missingCudaLibraries(variables).map(({ file }) => file)).not.toContain('libcudart.so.13')
})

test('a library that only the loader finds counts as found', () => {
  expect(loaderFinds('libc.so.6')).toBe(true)
  expect(loaderFinds('libno-such-library.so.9')).toBe(false)
  const variables = { LD_LIBRARY_PATH: '' }
  const found = locateCudaLibraries(variables, file => file === 'libcuda.so.1')
  expect([...found].find(([{ file }]) => file === 'libcuda.so.1')![1]).toBeDefined()
  const none = locateCudaLibraries(variables, () => false)
  for (const place of none.values()) expect(place ?? '/').toMatch(/^\//)
})

test("cuDNN's version is unknown where its place is", () => {
  expect(cudnnVersion('libcudnn.so.9')).toBeUndefined()
})

test("cuDNN's version is read from the name of its file", async () => {
  const lib = path.join(folder, 'system')
  await mkdir(lib)
  await writeFile(path.join(lib, 'libcudnn.so.9.15.1'), '')
  await symlink('libcudnn.so.9.15.1', path.join(lib, 'libcudnn.so.9'))
  expect(cudnnVersion(path.join(lib, 'libcudnn.so.9'))).toBe('9.15.1')
})

test("cuDNN's version is read from what pip notes beside it", async () => {
  const lib = path.join(folder, 'site-packages', 'nvidia', 'cudnn', 'lib')
  await mkdir(lib, { recursive: true })
  await mkdir(path.join(folder, 'site-packages', 'nvidia_cudnn_cu13-9.21.0.82.dist-info'))
  await writeFile(path.join(lib, 'libcudnn.so.9'), '')
  expect(cudnnVersion(path.join(lib, 'libcudnn.so.9'))).toBe('9.21.0.82')
})

test("cuDNN's version is unknown where nothing says it", async () => {
  await writeFile(path.join(folder, 'libcudnn.so.9'), '')
  expect(cudnnVersion(path.join(folder, 'libcudnn.so.9'))).toBeUndefined()
})

test.each([
  ['580.65.06', [580], true],
  ['9.15.1', [9, 15], true],
  ['9.9.0', [9, 15], false],
  ['10.0', [9, 15], true],
  ['575.51', [580], false],
])('version %s against %j', (version, oldest, expected) => {
  expect(isAtLeast(version, oldest)).toBe(expected)
})
