/** Few-step models and adapters of Wan, with the settings that their makers give, or who publishes them for an interface. */
import type { Preset } from '../../src/pipeline/family.ts'

/** rCM's TrigFlow times, atan σ and those between, as noise levels of the flow: sin t / (cos t + sin t). */
function rcmSigmas(highest: number): number[] {
  return [Math.atan(highest), 1.5, 1.4, 1].map(time => {
    return Number((Math.sin(time) / (Math.cos(time) + Math.sin(time))).toFixed(6))
  })
}

export const wanPresets: readonly Preset[] = [
  {
    name: 'lightning',
    what: 'Wan2.2-Lightning, LightX2V’s step-distilled models and adapters',
    source: 'https://github.com/ModelTC/Wan2.2-Lightning',
    fields: { timesteps: [1000, 750, 500, 250], guidance: 1, shift: 5, sampler: 'euler' },
    recognized: /lightning|lightx2v|cfg_step_distill|4steps/i,
  },
  {
    name: 'causvid',
    what: 'CausVid’s bidirectional adapters of 14B, at a scale of 0.3',
    source: 'https://github.com/deepbeepmeep/Wan2GP/blob/main/docs/LORAS.md',
    fields: { steps: 12, guidance: 1, shift: 7, sampler: 'unipc' },
    recognized: /causvid/i,
  },
  {
    name: 'fusionx',
    what: 'FusionX, models and adapters',
    source: 'https://github.com/deepbeepmeep/Wan2GP/tree/main/profiles/wan',
    fields: { steps: 10, guidance: 1, shift: 2, sampler: 'unipc' },
    recognized: /fusioni?x/i,
  },
  {
    name: 'rcm',
    what: 'rCM and TurboWan (TurboDiffusion), text to video',
    source: 'https://github.com/thu-ml/TurboDiffusion',
    fields: { sigmas: rcmSigmas(80), guidance: 1, shift: 1, sampler: 'lcm' },
    recognized: /\brcm\b|turbo-?wan|turbodiffusion/i,
  },
  {
    name: 'fastwan',
    what: 'FastWan (FastVideo’s DMD)',
    source: 'https://huggingface.co/FastVideo/FastWan2.1-T2V-1.3B-Diffusers',
    fields: { timesteps: [1000, 757, 522], guidance: 1, shift: 1, sampler: 'lcm' },
    recognized: /fastwan/i,
  },
]
