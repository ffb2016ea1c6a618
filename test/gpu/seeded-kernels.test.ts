/** Whole videos of the families with our kernels, through the native backend on a CPU, against diffusers. */
import { beforeAll, describe, expect, test } from 'vitest'
import { composition } from '../../src/api/engine.ts'
import { NativeBackend } from '../../src/runtime/native-backend.ts'
import { builtKernels } from '../../src/runtime/native-parts.ts'
import { relativeError } from '../compare.ts'
import { buildAddon, noAddon } from '../contract/native-addon.ts'
import { engineOfCase } from '../parity/engine-of-case.ts'
import { expectReference, latentsOfCase, seededCases } from '../parity/seeded-case.ts'
import { scratchFolder } from '../scratch.ts'
import { buildKernels, noKernels } from './kernel-library.ts'

const scratch = scratchFolder()
const missing = noKernels ?? noAddon
const opened = new Map<string, string>()

/** Keeps what graphs are written as: their nodes have their ops by name. */
class NotingBackend extends NativeBackend {
  override open(...given: Parameters<NativeBackend['open']>): ReturnType<NativeBackend['open']> {
    const [{ name, bytes }] = given
    opened.set(name, Buffer.from(bytes).toString('latin1'))
    return super.open(...given)
  }
}

describe.skipIf(missing)(`with our kernels${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(async () => {
    await Promise.all([buildAddon(), buildKernels()])
  })

  const engineOf = engineOfCase({
    ...composition,
    createBackend: lane => new NotingBackend({ ...lane, kernels: builtKernels() }),
  })
  const withoutKernels = engineOfCase({
    ...composition,
    createBackend: lane => new NativeBackend(lane),
  })

  const expected: Readonly<Record<string, readonly string[]>> = {
    'wan-control': ['ResidualNorm', 'QkNormRope', 'Linear'],
    'wan-residual': ['ResidualNorm', 'QkNormRope', 'Linear'],
    'ltx-text': ['ResidualNorm', 'QkNormRope', 'Linear', 'NormSiluPlaces'],
    'ltx2-passes': ['ResidualNorm', 'NormModulate', 'Linear', 'NormSiluPlaces'],
    'hunyuan15-glyphs': ['ResidualNorm', 'Linear', 'NormSiluWindows'],
  }
  const cases = seededCases.filter(({ name }) => name in expected)

  test.each(cases)('$name: every step is what diffusers gives', async each => {
    opened.clear()
    await expectReference(each, engineOf, scratch)
    const graphs = [...opened.values()].join('')
    for (const op of expected[each.name]!) expect(graphs).toContain(op)
  })

  const inFloat8: Readonly<Record<string, readonly string[]>> = {
    'wan-residual': ['RoundNorm', 'RoundResidualNorm', 'RoundSums', 'RoundRows'],
    'ltx-text': ['RoundNorm', 'RoundResidualNorm', 'RoundSums', 'RoundRows'],
    'ltx2-passes': ['RoundResidualNorm', 'RoundSums', 'RoundRows'],
    'hunyuan15-glyphs': ['RoundResidualNorm', 'RoundSums', 'RoundRows'],
  }

  test.each(cases.filter(({ name }) => name in inFloat8))(
    '$name: every step in fp8 is what the ops of ONNX give in fp8',
    async each => {
      const precision = { precision: 'fp8' } as const
      opened.clear()
      const own = await latentsOfCase(each, engineOf, scratch, precision)
      const graphs = [...opened.values()].join('')
      for (const op of inFloat8[each.name]!) expect(graphs).toContain(op)
      const reference = await latentsOfCase(each, withoutKernels, scratch, precision)
      const errors = own.map((latents, step) => relativeError(latents, reference[step]!))
      // Both are equal to 1e-6 until a number falls to the other side between two e4m3; steps make such a one more.
      expect(errors[0]).toBeLessThan(5e-3)
      expect(errors.at(-1)).toBeLessThan(0.1)
    },
  )
})
