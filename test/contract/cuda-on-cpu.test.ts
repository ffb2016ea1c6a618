/** The sources of our CUDA kernels, compiled for the host and run thread by thread: what they compute, without a GPU. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'
import { noKernels } from './kernel-library.ts'

const folder = scratchFolder()
const sources = fileURLToPath(new URL('./cuda-on-cpu/', import.meta.url))
const kernels = fileURLToPath(new URL('../../kernels/', import.meta.url))

/** The output of a kernel's cases, a line each. */
function runCases(name: string): string[] {
  const program = path.join(folder, name)
  const files = [`${sources}device-code.cc`, `${sources}${name}.cc`, `${kernels}${name}/operator.cc`]
  const flags = ['-x', 'c++', '-std=c++17', '-O1', '-cudart', 'none', '-Xcompiler', '-rdynamic,-w']
  const compilers = [process.env.NVCC ?? 'nvcc', '-ccbin', process.env.CXX ?? 'g++'] as const
  execFileSync(compilers[0], [...compilers.slice(1), ...flags, ...files, '-o', program, '-ldl'], {
    stdio: 'pipe',
  })
  return execFileSync(program, { encoding: 'utf8' }).trim().split('\n')
}

describe.skipIf(noKernels)(`the source of a kernel${noKernels ? ` (skipped: ${noKernels})` : ''}`, () => {
  test('of qk-norm-rope gives what the operator for the CPU gives, but for one rounding', () => {
    const lines = runCases('qk-norm-rope')
    const results = lines.slice(0, -1).map(line => {
      const [dtype, ...numbers] = line.split(' ')
      return { dtype: dtype as 'f32' | 'f16' | 'bf16', errors: numbers.slice(4).map(Number) }
    })
    // Rounding to 11 and 8 bits moves values by up to 2⁻¹² and 2⁻⁹ of themselves, by half of it on average.
    const tolerances = { f32: 5e-7, f16: 3e-4, bf16: 2e-3 } as const
    const within = results.map(({ dtype, errors }) => errors.map(error => error < tolerances[dtype]))
    expect(within, lines.join('\n')).toEqual(Array(19).fill([true, true]))
    expect(new Set(results.map(({ dtype }) => dtype))).toEqual(new Set(['f32', 'f16', 'bf16']))
    expect(lines.at(-1)).toBe('expected a width of at most 8192, got 8224')
  })
})
