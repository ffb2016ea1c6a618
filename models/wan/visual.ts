/** How Wan sees pictures and videos: one way for each kind of checkpoint. */
import { latentShape } from '../../src/geometry/video-geometry.ts'
import type {
  Feed,
  StreamConditioning,
  VisualConditioning,
  VisualContext,
  VisualInputs,
} from '../../src/pipeline/family.ts'
import { float32Data } from '../../src/tensor/tensor.ts'
import { conditionChannels } from './config.ts'
import { controlConditioning } from './visual-control.ts'
import { cleanFrames, fittedClip, imageCondition, type WanVisualOptions } from './visual-pictures.ts'

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
