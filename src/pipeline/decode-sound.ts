import type { Tensor } from '../tensor/tensor.ts'
import type { SoundFacts } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'

/**
 * Decodes the sound of a clip whole. It is as long as its decoder makes it.
 * @param latents of the sound's stream, as the denoiser has them
 * @returns the waveform, f32 [channels, samples]
 */
export async function decodeSound(
  sound: SoundFacts,
  latents: Tensor,
  { run }: Pick<GraphRunner, 'run'>,
): Promise<Tensor<'f32'>> {
  let feeds: Readonly<Record<string, Tensor>> = { latents }
  for (const graph of sound.decoder) feeds = (await run(graph, feeds)).tensors
  const { waveform } = feeds
  if (waveform?.dtype === 'f32' && waveform.shape[0] === sound.channels) return waveform as Tensor<'f32'>
  const got = waveform ? `${waveform.dtype} [${waveform.shape}]` : 'none'
  throw new TypeError(`waveform: expected f32 [${sound.channels}, samples], got ${got}.`)
}
