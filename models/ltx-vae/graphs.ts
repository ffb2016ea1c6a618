import type { FrameStage, GraphRecipe, ModelFacts, OptionalGraph } from '../../src/pipeline/family.ts'
import type { LtxVaeConfig } from './config.ts'
import { decoderStages } from './decoder.ts'
import { type EncoderPart, ltxDecoderStage, ltxEncoder } from './vae.ts'

/** The graphs of a checkpoint's VAE: the stages of the decoder, and the encoder. */
export function ltxVaeGraphs(config: LtxVaeConfig): GraphRecipe[] {
  const common = { component: 'vae', role: 'vae' } as const
  const stages = decoderStages(config).map((_, index): GraphRecipe => {
    return {
      ...common,
      name: stageName(index),
      build: (weights, precision, target) => ltxDecoderStage(config, index, weights, precision, target),
    }
  })
  return [
    ...stages,
    ...encoderParts(config).map((part): GraphRecipe => {
      return {
        ...common,
        name: part === 'next' ? 'vae-encoder-next' : 'vae-encoder',
        optional: encoderForPictures,
        build: (weights, precision) => ltxEncoder(config, part, weights, precision),
      }
    }),
  ]
}

/** A causal encoder takes a clip in parts, another one whole. */
function encoderParts({ encoder_causal }: LtxVaeConfig): readonly EncoderPart[] {
  return encoder_causal ? ['first', 'next'] : ['whole']
}

/** How the encoder is run. */
export function ltxEncoderFacts({ encoder_causal }: LtxVaeConfig): Pick<ModelFacts, 'encoder'> {
  return { encoder: encoder_causal ? { first: 'vae-encoder', next: 'vae-encoder-next' } : undefined }
}

/** Decoders are published alone. */
const encoderForPictures: OptionalGraph = {
  tensors: /^encoder\./,
  leftovers: [],
  modes: ['image', 'last-image', 'keyframes'],
}

/** How the decoder is run, as a whole and for tiles. */
export function ltxDecoderFacts(config: LtxVaeConfig): Pick<ModelFacts, 'decoder' | 'tiledDecoder'> {
  const [stem, ...rest] = decoderStages(config).map((stage, index): FrameStage => {
    const noises = Array.from(
      { length: stage.noises.count },
      (_, each) => `injected.${stage.noises.first + each}`,
    )
    const conditioned = config.timestep_conditioning
    const mixedIn = conditioned && index === 0
    return {
      graph: stageName(index),
      layers: stage.layers,
      causal: config.decoder_causal,
      framesPerLatent: stage.framesPerLatent,
      feeds: [...(conditioned ? ['timestep'] : []), ...(mixedIn ? ['noise.scale'] : []), ...noises],
      feedsByFrame: mixedIn ? ['noise'] : [],
    }
  })
  return {
    decoder: { stages: [stem!, ...rest] },
    tiledDecoder: { stem: { stages: [stem!] }, rest: { stages: rest }, context: 4 },
  }
}

function stageName(index: number): string {
  return `vae-decoder-${index}`
}
