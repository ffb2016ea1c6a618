import type { NoiseGenerator } from '../../src/tensor/random.ts'

/**
 * The order that noise is drawn in: that of the latents; or as the network has tokens, each with its channels: of latents
 * whose every cell is a token, or whose every row of axis 1 is one.
 */
export type Order = 'as-stored' | 'tokens-first' | 'rows-first'

export interface StartingNoise {
  /** [channels, positions, …] */
  readonly shape: readonly number[]
  /** Latents that are mixed with noise. */
  readonly base: Float32Array
  /** How far each position is kept clean, from 0 to 1. */
  readonly mask: Float32Array
  /** Noise level of positions that are not. */
  readonly scale: number
  readonly order: Order
}

/** (1 − mask) · scale of noise, the rest of the latents. */
export function mixedNoise(
  { shape, base, mask, scale, order }: StartingNoise,
  generator: NoiseGenerator,
): Float32Array {
  const noise = generator.randn(base.length)
  const [channels, positions] = shape as [number, number]
  const inner = base.length / channels / positions
  const drawnAt = {
    'as-stored': (channel: number, position: number, cell: number) => {
      return (channel * positions + position) * inner + cell
    },
    'tokens-first': (channel: number, position: number, cell: number) => {
      return (position * inner + cell) * channels + channel
    },
    'rows-first': (channel: number, position: number, cell: number) => {
      return (position * channels + channel) * inner + cell
    },
  }[order]
  const result = new Float32Array(base.length)
  for (let channel = 0, at = 0; channel < channels; channel++) {
    for (let position = 0; position < positions; position++) {
      const share = Math.fround(Math.fround(1 - mask[position]!) * scale)
      const rest = Math.fround(1 - share)
      for (let cell = 0; cell < inner; cell++, at++) {
        result[at] = share * noise[drawnAt(channel, position, cell)]! + rest * base[at]!
      }
    }
  }
  return result
}
