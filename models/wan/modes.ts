import type { Mode } from '../../src/pipeline/family.ts'
import { conditionChannels, type WanTransformerConfig } from './config.ts'

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
