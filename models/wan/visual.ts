/** How Wan sees pictures and videos: one way for each kind of checkpoint. */
import { latentShape } from '../../src/geometry/video-geometry.ts'
import type {
  Feed,
  Mode,
  StreamConditioning,
  VisualConditioning,
  VisualContext,
  VisualInputs,
} from '../../src/pipeline/family.ts'
import { float32Data } from '../../src/tensor/tensor.ts'
import { conditionChannels, type WanTransformerConfig } from './config.ts'
import { controlConditioning } from './visual-control.ts'
import { cleanFrames, fittedClip, imageCondition, type WanVisualOptions } from './visual-pictures.ts'

/** What a checkpoint can be asked for, and what it must be, from its config alone. */
export function wanModes(
  config: WanTransformerConfig,
  perFrameTimesteps: boolean,
): { modes: readonly Mode[]; requires: readonly Mode[] } {
  if (config.vace_layers?.length) return { modes: ['text', 'control', 'references'], requires: [] }
  if (conditionChannels(config) > 0) {
    // A picture encoder without learned positions tells one picture from another by nothing.
    const last: Mode[] = config.image_dim && !config.pos_embed_seq_len ? [] : ['last-image']
    // Learned positions are those of two pictures.
    const both: Mode[] = config.pos_embed_seq_len ? ['last-image'] : []
    return { modes: ['text', 'image', ...last], requires: ['image', ...both] }
  }
  if (perFrameTimesteps) return { modes: ['text', 'image', 'last-image', 'keyframes', 'video'], requires: [] }
  return { modes: ['text', 'video'], requires: [] }
}

/** The visual side of `Model` for a Wan checkpoint. */
export function wanVisualConditioner(options: WanVisualOptions) {
  const [transformer] = options.transformers
  const experts = options.transformers.length
  return async (inputs: VisualInputs, context: VisualContext): Promise<VisualConditioning> => {
    if (transformer.vace_layers?.length)
      return await controlConditioning(inputs, context, transformer, options.facts)
    if (conditionChannels(transformer) > 0) return await imageCondition(inputs, context, options)
    const known = options.perFrameTimesteps ? await cleanFrames(inputs, context, options.facts) : undefined
    const video = inputs.video && (await context.encode(fittedClip(inputs.video, context)))
    const stream: StreamConditioning = {
      shape: latentShape(options.facts.latentChannels, context.size),
      ...(video && { initial: { latents: float32Data(video), noise: 'added' } }),
      ...(known && { known }),
    }
    return { feeds: new Array<Record<string, Feed>>(experts).fill({}), streams: [stream] }
  }
}
