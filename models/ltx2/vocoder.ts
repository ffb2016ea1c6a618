/**
 * The vocoders of LTX-2, mel spectrograms to waveforms: one generator (2.0; diffusers `LTX2Vocoder`, after HiFi-GAN, Kong et
 * al. 2020), or a second one that takes the spectrogram of the first waveform and adds what an interpolation to a higher
 * sampling rate lacks (2.3; `LTX2VocoderWithBWE`, after BigVGAN, Lee et al. 2023).
 *
 *   mel [2, time, bins] ──▶ generator ──▶ waveform [2, 240·time]                                   2.0, 24 kHz
 *   mel [2, time, bins] ──▶ generator ──▶ [2, 160·time] ─┬─▶ ×3, held to its band ─▶ + ──▶ [2, 480·time]   2.3, 48 kHz
 *                                                       └─▶ spectrogram ─▶ generator ─┘
 */
import { Graph, type Value } from '../../src/graph/graph.ts'
import { leakyRelu, tanh } from '../../src/graph/ops/activation.ts'
import { add, clip, multiply } from '../../src/graph/ops/elementwise.ts'
import { reshape, transpose } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { conv1dLayer, convTranspose1dLayer } from '../../src/nn/conv1d.ts'
import { hannSinc, upsampleSignal } from '../../src/nn/resample-1d.ts'
import { antialiasedSnake, plainSnake } from '../../src/nn/snake.ts'
import { causalLogMel } from '../../src/nn/spectrogram.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import type { BandExtension, GeneratorConfig, Ltx2VocoderConfig } from './audio-config.ts'

/** Slope before the last convolution, whatever the config says of the others. */
const lastSlope = 0.01

/** What the magnitudes of the second spectrogram are at least. */
const melFloor = 1e-5

/**
 * Input: `mel` f32 [mel channels, time, bins]. Output: `waveform` f32 [channels, samples] in [−1, 1]. In f32 whatever the
 * checkpoint is stored in: rounding would be heard.
 * @param melChannels those of the audio VAE's spectrograms
 */
export function ltx2Vocoder(
  { generator, extension }: Ltx2VocoderConfig,
  melChannels: number,
  weights: WeightSource,
): Graph {
  const graph = new Graph('vocoder', { precision: 'f32' })
  const scope = new Scope(graph, weights)
  const mel = graph.input('mel', 'f32', [melChannels, 'time', generator.in_channels / melChannels])
  const spectrum = transpose(mel, [0, 2, 1]) // [channels, bins, time]
  const waveform = extension
    ? extended(
        scope,
        scope.in('vocoder', part => generate(part, spectrum, generator)),
        extension,
      )
    : generate(scope, spectrum, generator)
  graph.output('waveform', reshape(waveform, [generator.out_channels, '*']))
  return graph
}

/** A waveform [1, channels, samples] at `ratio` times its sampling rate, with the band that it has not. */
function extended(scope: Scope, low: Value, { generator, window, hop, bins, ratio }: BandExtension): Value {
  const channels = generator.out_channels
  const { graph } = scope
  graph.named('waveform.low', low)
  const signals = reshape(low, [channels, 1, '*']) // [channels, 1, samples]
  const spectrum = scope.in('mel_stft', stft => {
    return causalLogMel(stft, signals, { window, hop, bins, floor: melFloor })
  })
  graph.named('mel.low', spectrum)
  const residual = scope.in('bwe_generator', part => generate(part, spectrum, generator)) // [1, channels, ratio · samples]
  graph.named('residual', residual)
  const { taps, edges } = hannSinc(ratio)
  const filter = graph.constant(tensor('f32', [1, 1, taps.length], taps))
  const interpolated = upsampleSignal(signals, filter, ratio, edges) // [channels, 1, ratio · samples]
  return clip(add(residual, reshape(interpolated, [1, channels, '*'])), -1, 1)
}

/**
 * Upsamplings, each with residual blocks in parallel behind it.
 * @param spectrum [channels, bins, time]
 * @returns [1, channels, samples]
 */
function generate(scope: Scope, spectrum: Value, config: GeneratorConfig): Value {
  const { hidden_channels: widest, upsample_factors: factors, leaky_relu_negative_slope: slope } = config
  const frames = reshape(spectrum, [1, config.in_channels, '*']) // [1, channels · bins, time]
  let x = conv1dLayer(scope, 'conv_in', frames, widest, { kernel: 7 })
  for (const [index, stride] of factors.entries()) {
    const width = widest / 2 ** (index + 1)
    const kernel = config.upsample_kernel_sizes[index]!
    // Other activations than this one stand inside the residual blocks alone.
    const active = config.act_fn === 'leaky_relu' ? leakyRelu(x, slope) : x
    const longer = convTranspose1dLayer(scope, `upsamplers.${index}`, active, width, { kernel, stride })
    x = parallelBlocks(scope, index * config.resnet_kernel_sizes.length, longer, width, config)
  }
  const active = scope.in('act_out', act => lastActivation(act, x, config))
  const wave = conv1dLayer(scope, 'conv_out', active, config.out_channels, {
    kernel: 7,
    bias: config.final_bias,
  })
  if (config.final_act_fn === 'tanh') return tanh(wave)
  return config.final_act_fn === 'clamp' ? clip(wave, -1, 1) : wave
}

/** The mean of what blocks of different kernels give for one input: they are numbered through the network. */
function parallelBlocks(
  scope: Scope,
  first: number,
  x: Value,
  width: number,
  config: GeneratorConfig,
): Value {
  const { resnet_kernel_sizes: kernels, resnet_dilations: dilations } = config
  const results = kernels.map((kernel, index) => {
    return scope.in(`resnets.${first + index}`, block => {
      return residualBlock(block, x, { width, kernel, dilations: dilations[index]! }, config)
    })
  })
  return multiply(results.reduce(add), 1 / kernels.length)
}

/** Pairs of convolutions, the first of each dilated, each pair added to what it was given. */
function residualBlock(
  scope: Scope,
  x: Value,
  {
    width,
    kernel,
    dilations,
  }: { readonly width: number; readonly kernel: number; readonly dilations: readonly number[] },
  config: GeneratorConfig,
): Value {
  return dilations.reduce((value, dilation, index) => {
    const first = scope.in(`acts1.${index}`, act => activation(act, value, config))
    const wide = conv1dLayer(scope, `convs1.${index}`, first, width, { kernel, dilation })
    const second = scope.in(`acts2.${index}`, act => activation(act, wide, config))
    return add(value, conv1dLayer(scope, `convs2.${index}`, second, width, { kernel }))
  }, x)
}

function activation(scope: Scope, x: Value, config: GeneratorConfig): Value {
  if (config.act_fn === 'leaky_relu') return leakyRelu(x, config.leaky_relu_negative_slope)
  const beta = config.act_fn === 'snakebeta'
  return config.antialias
    ? antialiasedSnake(scope, x, { ...filters(config), beta })
    : plainSnake(scope, x, { beta })
}

/** A snake here is always SnakeBeta between filters. */
function lastActivation(scope: Scope, x: Value, config: GeneratorConfig): Value {
  if (config.act_fn === 'leaky_relu') return leakyRelu(x, lastSlope)
  return antialiasedSnake(scope, x, { ...filters(config), beta: true })
}

function filters(config: GeneratorConfig): { readonly ratio: number; readonly taps: number } {
  return { ratio: config.antialias_ratio, taps: config.antialias_kernel_size }
}
