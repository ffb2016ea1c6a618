import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createGuidance, type Guidance, guidancePasses, guided } from '../../../src/sampling/guidance.ts'
import { emptyHistory, type History } from '../../../src/sampling/samplers/sampler.ts'
import type { ScheduleRequest } from '../../../src/sampling/schedules/schedule.ts'
import { linearSigmas } from '../../../src/sampling/schedules/spacings.ts'
import { hostArithmetic } from '../../../src/tensor/arithmetic.ts'
import { createGenerator } from '../../../src/tensor/random.ts'
import type { Tensor } from '../../../src/tensor/tensor.ts'
import { relativeError } from '../../compare.ts'
import { fixture, hasFixture } from '../../fixtures.ts'
import { float32Of, readFixtureTensors } from '../../safetensors-fixture.ts'
import { readScheduler } from './scheduler-reference.ts'

/**
 * Whole runs of diffusers' pipelines with the network's outputs as recorded: levels, guidance and steps together.
 * They need the full set of reference results.
 */
const cases = [
  ...[1, 2, 3, 4, 5, 6].map(n => `wan21-t2v/case-${n}`),
  'wan21-t2v-bf16/case-1',
  ...[1, 2, 3].map(n => `wan21-i2v/case-${n}`),
  ...[1, 2].map(n => `wan21-flf2v/case-${n}`),
  ...[1, 2, 3, 4].map(n => `wan21-vace/case-${n}`),
  ...[1, 2].map(n => `wan21-v2v/case-${n}`),
  ...[1, 2, 3].map(n => `wan22-ti2v-5b/case-${n}`),
  ...[1, 2].map(n => `wan22-t2v-a14b/case-${n}`),
  ...[1, 2].map(n => `wan22-i2v-a14b/case-${n}`),
  ...[1, 2, 3].map(n => `ltx-video/case-${n}`),
  'ltx-condition/case-6',
]

/** Only some of the cases, or parts of them, are at hand in a checkout by itself. */
const complete = cases.every(name => hasFixture(`${name}.safetensors`))

interface Recorded {
  readonly pipeline: string
  readonly call: {
    readonly num_inference_steps: number
    readonly guidance_scale: number
    readonly guidance_scale_2?: number
    readonly guidance_rescale?: number
  }
  readonly seed: number
  readonly scheduler: { readonly class: string; readonly override: object | null }
  readonly step_models: readonly string[]
}

function read(name: string) {
  const recorded = JSON.parse(readFileSync(fixture(`${name}.json`), 'utf8')) as Recorded
  const folder = name.slice(0, name.indexOf('/'))
  const file = fixture(`${folder}/model/scheduler/scheduler_config.json`)
  const config = JSON.parse(readFileSync(file, 'utf8')) as { _class_name: string }
  const { class: className, override } = recorded.scheduler
  const scheduler = readScheduler(
    className === config._class_name ? { ...config, ...override } : { ...override, _class_name: className },
  )
  return { recorded, scheduler, tensors: readFixtureTensors(fixture(`${name}.safetensors`)) }
}

function requestOf(
  { pipeline, call: { num_inference_steps: steps } }: Recorded,
  tokens: number,
): ScheduleRequest {
  return pipeline === 'LTXPipeline' ? { sigmas: linearSigmas(steps), tokens } : { steps }
}

describe("guidance and sampler take the network's outputs to the latents of every step", () => {
  test.skipIf(!complete).each(cases)('%s', async name => {
    const { recorded, scheduler, tensors } = read(name)
    const schedule = scheduler.schedule(requestOf(recorded, tensors.get('initial_latents')!.shape[1]!))
    expect(schedule.sigmas).toEqual(float32Of(tensors, 'sigmas'))

    const steps = schedule.timesteps.length
    const first = steps - recorded.step_models.length
    let latents = float32Of(tensors, 'initial_latents')
    let history: History = emptyHistory
    for (let step = first; step < steps; step++) {
      const prefix = `step_${String(step - first).padStart(3, '0')}`
      const guidance = guidanceOf(recorded, step - first)
      const velocity = await velocityAt(
        tensors,
        prefix,
        guidance,
        guidancePasses([guidance], step, steps).includes('unconditional'),
      )
      ;({ latents, history } = scheduler.sampler.step(hostArithmetic, {
        latents,
        velocity,
        step,
        schedule,
        history,
      }))
      expect(relativeError(latents, float32Of(tensors, `${prefix}.latents`))).toBeLessThan(1e-6)
    }
  })
})

describe('text to video begins with the noise of the seed', () => {
  test
    .skipIf(!complete)
    .each(cases.filter(name => /^wan\d\d-t/.test(name) && name !== 'wan22-ti2v-5b/case-2'))('%s', name => {
    const { recorded, tensors } = read(name)
    const initial = float32Of(tensors, 'initial_latents')
    const drawn = createGenerator(recorded.seed).randn(initial.length)
    expect(Math.max(...drawn.map((value, i) => Math.abs(value - initial[i]!)))).toBeLessThan(1e-6)
  })
})

function guidanceOf({ call, step_models }: Recorded, index: number): Guidance {
  const second = step_models[index] === 'transformer_2'
  return createGuidance({
    scale: second ? (call.guidance_scale_2 ?? call.guidance_scale) : call.guidance_scale,
    rescale: call.guidance_rescale ?? 0,
  })
}

async function velocityAt(
  tensors: ReadonlyMap<string, Tensor>,
  prefix: string,
  guidance: Guidance,
  active: boolean,
): Promise<Float32Array> {
  const conditional = float32Of(tensors, `${prefix}.noise_pred_cond`)
  const unconditional = `${prefix}.noise_pred_uncond`
  expect(tensors.has(unconditional)).toBe(active)
  if (!active) return conditional
  const other = float32Of(tensors, unconditional)
  const at = { latents: conditional, sigma: 1 } // of no consequence for velocities
  return (await guided(hostArithmetic, guidance, { conditional, unconditional: other }, at)).velocity
}
