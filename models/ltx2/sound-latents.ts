import { RequestError } from '../../src/errors.ts'

/** The latents of the sound of a model. */
export interface SoundLatents {
  readonly channels: number
  /** Values of a channel in a latent frame. */
  readonly bins: number
  /** Latent frames of a second. */
  readonly rate: number
}

/**
 * Latent frames of the sound of a clip: the nearest whole number, halves to even.
 * @throws RequestError for a clip that is too short for any
 */
export function audioFrames(
  { rate }: SoundLatents,
  { frames, fps }: { readonly frames: number; readonly fps: number },
): number {
  const exact = (frames / fps) * rate
  const below = Math.floor(exact)
  const up = exact - below > 0.5 || (exact - below === 0.5 && below % 2 === 1)
  const count = up ? below + 1 : below
  if (count > 0) return count
  throw new RequestError('request/size', {
    subject: 'fps',
    expected: `at most ${Math.ceil(2 * rate * frames) - 1} for ${frames} frames: the clip has to have sound`,
    got: String(fps),
  })
}
