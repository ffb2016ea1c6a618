import { expect, test } from 'vitest'
import { addsIn32Bits } from '../../../src/runtime/cpu-features.ts'

test.each([
  ['x64', 'sse4_2 avx2 avx512f avx512_vnni', true],
  ['x64', 'avx2 avx_vnni', true],
  ['x64', 'avx2 avx512f avx512bw', false],
  ['x64', '', false],
  ['arm64', '', true],
])('%s with %s adds in 32 bits: %s', (arch, flags, expected) => {
  expect(addsIn32Bits(arch, () => flags)).toBe(expected)
})
