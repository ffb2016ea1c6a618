import { describe, expect, test } from 'vitest'
import { idleFindings, nativeFindings } from '../../../src/engine/doctor-cuda.ts'

const kernels = { file: '/kernels.so', kernels: new Set(['a-kernel', 'another']) }

describe('what was built for a GPU', () => {
  test('is used where both are there', () => {
    expect(nativeFindings({ addon: true, kernels }, () => {})).toEqual([
      { subject: 'native backend', status: 'ok', detail: 'built, used on a GPU' },
      { subject: 'kernel library', status: 'ok', detail: 'a-kernel, another, used on a GPU' },
    ])
  })

  test('can be done without, and is told how to build', () => {
    const findings = nativeFindings({ addon: false, kernels: undefined })
    expect(findings).toMatchObject([
      { status: 'note', detail: expect.stringContaining('not built'), fix: 'npm run build:native' },
      { status: 'note', detail: expect.stringContaining('not built'), fix: 'npm run build:kernels' },
    ])
  })

  test('says that the kernels are not used without the native backend', () => {
    const [, library] = nativeFindings({ addon: false, kernels })
    expect(library).toEqual({
      subject: 'kernel library',
      status: 'note',
      detail: 'a-kernel, another, not used without the native backend',
      fix: 'npm run build:native',
    })
  })

  test('is not used without a GPU, and nothing is to be done', () => {
    const end = 'not used: only a GPU uses it'
    expect(idleFindings({ addon: true, kernels: undefined })).toEqual([
      { subject: 'native backend', status: 'note', detail: `built, ${end}` },
      { subject: 'kernel library', status: 'note', detail: `not built, ${end}` },
    ])
  })

  test('is to be built again where the addon does not load', () => {
    const fail = () => {
      throw new Error('wrong ELF class')
    }
    const [addon, library] = nativeFindings({ addon: true, kernels }, fail)
    expect(library?.detail).toContain('not used')
    expect(addon).toEqual({
      subject: 'native backend',
      status: 'note',
      detail: 'wrong ELF class',
      fix: 'npm run build:native',
    })
  })
})
