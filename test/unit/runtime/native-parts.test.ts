import { describe, expect, test } from 'vitest'
import { withoutKernels } from '../../../src/runtime/native-parts.ts'

describe('kernels that the environment leaves out', () => {
  const library = {
    file: '/kernels.so',
    kernels: new Set(['gated-residual', 'norm-modulate', 'qk-norm-rope']),
  }
  const kept = (text: string | undefined) => {
    return [...withoutKernels(library, { FRAMEWRIGHT_WITHOUT_KERNELS: text })!.kernels]
  }

  test.each([undefined, '', ' , '])('are none where it names none: %j', text => {
    expect(withoutKernels(library, { FRAMEWRIGHT_WITHOUT_KERNELS: text })).toBe(library)
  })

  test('are those that it names; the library stays the same file', () => {
    expect(kept('norm-modulate')).toEqual(['gated-residual', 'qk-norm-rope'])
    expect(kept('qk-norm-rope, gated-residual')).toEqual(['norm-modulate'])
    expect(kept('norm-modulate,qk-norm-rope,gated-residual')).toEqual([])
    expect(withoutKernels(library, { FRAMEWRIGHT_WITHOUT_KERNELS: 'norm-modulate' })?.file).toBe(
      '/kernels.so',
    )
  })

  test('have names of the library', () => {
    expect(() => kept('norm-modulate,attention')).toThrow(
      'FRAMEWRIGHT_WITHOUT_KERNELS: expected names of gated-residual, norm-modulate, qk-norm-rope, with commas between, got attention.',
    )
  })

  test('do not matter where no library was built', () => {
    expect(withoutKernels(undefined, { FRAMEWRIGHT_WITHOUT_KERNELS: 'norm-modulate' })).toBeUndefined()
  })
})
