/** How far around it a step of LTX-2's sound depends on its input, as the networks are built. */
import type { GeneratorConfig, Ltx2AudioVaeConfig, Ltx2VocoderConfig } from './audio-config.ts'
import { samplesPerFrame } from './audio-config.ts'

/** Of causal convolutions of three frames: frames before one. */
const perConvolution = 2

/** Latents before one that its spectra depend on; none after it. */
export function audioVaeContext({ ch_mult, num_res_blocks }: Ltx2AudioVaeConfig): number {
  const blocks = 2 * perConvolution * (num_res_blocks + 1)
  const levels = ch_mult.map((_, level) => (blocks + perConvolution) / 2 ** level)
  const ends = perConvolution + 2 * 2 * perConvolution
  return Math.ceil(ends + levels.reduce((sum, reach) => sum + reach, 0)) + ch_mult.length
}

/** Spectra before and after one that its samples depend on. */
export function vocoderContext({ generator, extension }: Ltx2VocoderConfig): number {
  const own = generatorContext(generator)
  if (!extension) return Math.ceil(own) + 1
  // The second generator takes spectra of its own, a hop of the first waveform each; its interpolation sees 7 samples.
  const frame = samplesPerFrame(generator)
  const spectra = generatorContext(extension.generator) * extension.hop
  return Math.ceil(own + (extension.window + spectra + 7) / frame) + 1
}

/** In frames of its spectrogram, each of its kind of samples in turn. */
function generatorContext(config: GeneratorConfig): number {
  const { upsample_factors: factors, upsample_kernel_sizes: kernels, antialias } = config
  // An activation between filters sees as many samples as either filter, at its own rate, has on one side.
  const active = antialias ? Math.ceil(config.antialias_kernel_size / config.antialias_ratio) + 2 : 0
  const half = (kernel: number) => (kernel - 1) / 2
  const block = Math.max(
    ...config.resnet_kernel_sizes.map((kernel, index) => {
      const pairs = config.resnet_dilations[index]!
      return pairs.reduce((sum, dilation) => sum + half(kernel) * (dilation + 1) + 2 * active, 0)
    }),
  )
  const ends = half(7)
  let rate = 1
  let reach = ends
  for (const [index, factor] of factors.entries()) {
    reach += Math.ceil(kernels[index]! / factor) / rate
    rate *= factor
    reach += block / rate
  }
  return reach + (active + ends) / rate
}
