import type { WanTransformerConfig } from '../models/wan/config.ts'
import { rotaryTables } from '../src/geometry/rotary.ts'
import { reshaped, type Tensor, tensor } from '../src/tensor/tensor.ts'

/**
 * What a Wan transformer takes beside the embeddings of a prompt of 512 rows.
 * @param latents [batch, channels, t, h, w], as diffusers gives them to the network
 */
export function wanFeeds(
  config: WanTransformerConfig,
  latents: Tensor,
  timestep: number,
): Record<string, Tensor> {
  const [batch, channels, t, h, w] = latents.shape as [number, number, number, number, number]
  const [pt, ph, pw] = config.patch_size
  const grid = { frames: t / pt, height: h / ph, width: w / pw }
  const { cos, sin } = rotaryTables({ grid, headDim: config.attention_head_dim })
  return {
    latents: reshaped(latents, [batch, channels, grid.frames, pt, grid.height, ph, grid.width, pw]),
    timestep: tensor('f32', [1, grid.frames], new Float32Array(grid.frames).fill(timestep)),
    'text.bias': tensor('f32', [1, 512], new Float32Array(512)),
    'rotary.cos': cos,
    'rotary.sin': sin,
  }
}
