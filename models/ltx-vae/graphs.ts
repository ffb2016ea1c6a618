import type { GraphRecipe, OptionalGraph } from '../../src/pipeline/family.ts'
import type { LtxVaeConfig } from './config.ts'
import { ltxDecoder, ltxDecoderRest, ltxDecoderStem, ltxEncoder } from './vae.ts'

/** The graphs of a checkpoint's VAE, the decoder as a whole and in the two parts that tiles need. */
export function ltxVaeGraphs(config: LtxVaeConfig): GraphRecipe[] {
  return Object.entries(coders).map(([name, build]): GraphRecipe => {
    return {
      name,
      component: 'vae',
      role: 'vae',
      ...(name === 'vae-encoder' && { optional: encoderForPictures }),
      build: (weights, precision) => build(config, weights, precision),
    }
  })
}

/** Decoders are published alone. */
const encoderForPictures: OptionalGraph = {
  tensors: /^encoder\./,
  leftovers: [],
  modes: ['image', 'last-image', 'keyframes'],
}

const coders = {
  'vae-decoder': ltxDecoder,
  'vae-decoder-stem': ltxDecoderStem,
  'vae-decoder-rest': ltxDecoderRest,
  'vae-encoder': ltxEncoder,
}
