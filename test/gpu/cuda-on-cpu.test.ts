/** The sources of our CUDA kernels, compiled for the host and run thread by thread: what they compute, without a GPU. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'
import { noKernels } from './kernel-library.ts'

const folder = scratchFolder()
const sources = fileURLToPath(new URL('./cuda-on-cpu/', import.meta.url))
const kernels = fileURLToPath(new URL('../../kernels/', import.meta.url))

function compile(...words: readonly string[]): void {
  const compilers = [process.env.NVCC ?? 'nvcc', '-ccbin', process.env.CXX ?? 'g++'] as const
  const flags = ['-x', 'c++', '-std=c++17', '-O1', '-Xcompiler', '-w']
  execFileSync(compilers[0], [...compilers.slice(1), ...flags, ...words], { stdio: 'pipe' })
}

const deviceCode = path.join(folder, 'device-code.o')

/** What operators are made of beside their own files. */
const further: Readonly<Record<string, readonly string[]>> = {
  linear: [`${sources}cublaslt.cc`, `${kernels}library/product.cc`],
}

/** The output of a kernel's cases, a line each. */
function runCases(name: string): string[] {
  const program = path.join(folder, name)
  const parts = [`${sources}${name}.cc`, `${kernels}${name}/operator.cc`, ...(further[name] ?? [])]
  const objects = parts.map((source, index) => {
    const object = path.join(folder, `${name}-${index}.o`)
    compile('-c', source, '-o', object)
    return object
  })
  const compiler = process.env.CXX ?? 'g++'
  execFileSync(compiler, ['-rdynamic', deviceCode, ...objects, '-o', program, '-ldl'], { stdio: 'pipe' })
  return execFileSync(program, { encoding: 'utf8' }).trim().split('\n')
}

/** Rounding to 11 and 8 bits moves values by up to 2⁻¹² and 2⁻⁹ of themselves, by half of it on average. */
const tolerances = { f32: 5e-7, f16: 3e-4, bf16: 2e-3, 'bf16-twice': 3e-3 } as const

type DType = keyof typeof tolerances

/** Of rows in 8-bit floats, that were never in another dtype: elements that fall to the other side, and scales. */
const ofRounded = [1e-4, 5e-7] as const

/** Whether a line of results, `<dtype> <error>…`, is within the tolerances. */
function isWithin([dtype, ...errors]: readonly string[]): boolean {
  const [, rounded, type] = /^(rounded-)?(.+)$/.exec(dtype!)!
  const limit = (at: number) => (rounded ? ofRounded[at] : undefined) ?? tolerances[type as DType]
  return errors.every((error, at) => Number(error) < limit(at))
}

const refusedByNorms = [
  'expected a width of at most 8192, got 8208',
  'expected a width of whole vectors of 16 bytes',
  'expected rows of the scale that divide those of the operand',
  "expected a scale of the rows' width",
] as const

/** By folder: cases that are compared, the numbers of their results, and what is said of operands that are refused. */
const programs = [
  ['qk-norm-rope', 19, 2, Array(2).fill('expected a width of at most 8192, got 8224')],
  [
    'norm-modulate',
    72,
    1,
    [
      'expected a width of at most 8192, got 8224',
      'expected a width of at most 8192, got 8200',
      'expected rows of the scale that divide those of the operand',
      "expected a scale of the rows' width",
      "expected a shift of the scale's shape",
    ],
  ],
  [
    'linear',
    48,
    1,
    [
      "expected rows of the weight's width",
      'expected a bias of one for each row of the weight',
      'expected a weight of two axes',
      '2 kernels chosen',
      'expected a scale of each row',
      'expected a scale of each row of the weight',
      'expected sizes that are multiples of 16',
      'cuBLASLt: expected a kernel for [5, 16] · [16, 32] of types 28 and 0, got none (not supported). 8-bit floats need compute capability 8.9',
      'cuBLASLt: expected a kernel for [5, 16] · [16, 8] of types 14 and 14, got none (not supported)',
    ],
  ],
  [
    'round-rows',
    15,
    2,
    ['expected rows of at least one channel', '0 rounded and 0 decoded otherwise', '0 divided otherwise'],
  ],
  [
    'round-norm',
    40,
    [2, 3],
    [
      ...refusedByNorms,
      ...refusedByNorms,
      'expected rows of the gate that divide those of the operand',
      "expected a shift of the scale's shape",
      "expected an update of the operand's shape",
    ],
  ],
  [
    'round-sums',
    20,
    2,
    [
      'expected a width of at most 16384, got 16400',
      'expected a width of whole vectors of 16 bytes',
      'expected a scale of each row',
      'expected a scale of each column',
      'expected a bias of one for each column',
      'expected rows of at least one channel',
    ],
  ],
  [
    'gated-residual',
    15,
    1,
    [
      'expected rows of the gate that divide those of the operand',
      "expected a gate of the rows' width",
      "expected an update of the operand's shape",
    ],
  ],
  [
    'norm-silu-windows',
    37,
    1,
    [
      'expected a history of two frames like the others',
      'expected a history of two frames like the others',
      'expected a scale of the channels',
      'expected frames of rank 4',
      'expected a scale and a shift of the channels',
      'expected places of rank 1',
      'expected frames of rank 4',
    ],
  ],
  [
    'residual-norm',
    78,
    2,
    [
      'expected a width of at most 8192, got 8224',
      'expected a width of at most 8192, got 8200',
      'expected rows of the gate that divide those of the operand',
      'expected rows of the scale that divide those of the operand',
      "expected a gate of the rows' width",
      "expected a scale of the rows' width",
      "expected a shift of the scale's shape",
      "expected an update of the operand's shape",
    ],
  ],
] as const

test('every kernel has cases', () => {
  const folders = readdirSync(kernels).filter(name => existsSync(`${kernels}${name}/operator.cc`))
  expect(programs.map(([name]) => name).toSorted()).toEqual(folders.toSorted())
})

describe.skipIf(noKernels)(`the source of a kernel${noKernels ? ` (skipped: ${noKernels})` : ''}`, () => {
  beforeAll(() => compile('-c', `${sources}device-code.cc`, '-o', deviceCode))

  test.each(programs)(
    'of %s gives what the operator for the CPU gives, but for one rounding',
    (name, cases, outputs, refusals) => {
      const lines = runCases(name)
      const results = lines.slice(0, cases).map(line => line.split(' '))
      const within = results.map(isWithin)
      expect(within, lines.join('\n')).toEqual(Array(cases).fill(true))
      expect([...new Set(results.map(({ length }) => length - 1))]).toEqual([outputs].flat())
      const dtypes = new Set(results.map(([dtype]) => dtype!.replace(/^rounded-|-twice$/, '')))
      // Products of 8-bit floats are not in f16.
      const forProducts = results[0]![0]!.startsWith('rounded-')
      expect(dtypes).toEqual(new Set(['f32', ...(forProducts ? [] : ['f16']), 'bf16']))
      expect(lines.slice(cases)).toEqual(refusals)
    },
  )
})
