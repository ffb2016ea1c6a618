import type { VisualContext } from '../../src/pipeline/family.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { type Ltx2TransformerConfig, widthsOf } from './config.ts'
import type { Held } from './held-pictures.ts'
import {
  causalExtents,
  type Extent,
  extentsFrom,
  ltx2RotaryTables,
  middles,
  type RotaryAxes,
} from './rotary.ts'

/** Where and when every token is: rotary tables of both streams, and of their time alone. */
export function rotaryFeeds(
  { transformer }: { readonly transformer: Ltx2TransformerConfig },
  { appended, sounds }: { readonly appended: readonly Held[]; readonly sounds: number },
  { size, fps }: VisualContext,
): Readonly<Record<string, Tensor>> {
  const { rope_theta: theta, causal_offset: offset } = transformer
  const [stride, rowStride, columnStride] = transformer.vae_scale_factors
  const clip = causalExtents({ count: size.latentFrames, stride, offset })
  const inside = appended.flatMap(({ frame, latents, pictures }) => {
    return extentsFrom(frame, latents.shape[1]!, stride, pictures)
  })
  const rate = Math.fround(fps)
  const videoTime = (whole: number) =>
    middles([...clip, ...inside], frame => Math.fround(frame / rate), whole)
  const { audio_hop_length: hop, audio_sampling_rate: samples } = transformer
  const rows = causalExtents({ count: sounds, stride: transformer.audio_scale_factor, offset })
  const audioTime = (whole: number) =>
    middles(rows, row => Math.fround(Math.fround(row * hop) / samples), whole)
  const { pos_embed_max_pos: videoSeconds, audio_pos_embed_max_pos: audioSeconds } = transformer
  const seconds = Math.max(videoSeconds, audioSeconds)
  const width = widthsOf(transformer)
  const space = [
    places(size.latentHeight, rowStride, transformer.base_height),
    places(size.latentWidth, columnStride, transformer.base_width),
  ]
  const repeat = size.latentHeight * size.latentWidth
  const tables: Record<string, RotaryAxes> = {
    rotary: { axes: [videoTime(videoSeconds), ...space], dim: width.video, theta },
    cross: { axes: [videoTime(seconds)], repeat, dim: width.audio, theta },
    'audio.rotary': { axes: [audioTime(audioSeconds)], dim: width.audio, theta },
    'audio.cross': { axes: [audioTime(seconds)], dim: width.audio, theta },
  }
  const feeds = Object.entries(tables).flatMap(([name, axes]) => {
    const { cos, sin } = ltx2RotaryTables(axes)
    return [
      [`${name}.cos`, cos],
      [`${name}.sin`, sin],
    ] as const
  })
  return Object.fromEntries(feeds)
}

/** Latents of an axis in pixels. */
function places(count: number, stride: number, whole: number): Float32Array {
  const extents = Array.from({ length: count }, (_, index): Extent => [index * stride, (index + 1) * stride])
  return middles(extents, pixel => pixel, whole)
}
