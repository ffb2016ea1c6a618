/** The configs of the parts of LTX-2 that make sound. */
import { z } from 'zod'

const positive = z.number().int().positive()
const counts = z.array(positive).min(1)

/** Frames, and bins, of the spectrogram that a latent stands for. */
export const audioCompression = 4

/** The fields of diffusers' `AutoencoderKLLTX2Audio` that matter to its decoder; missing ones have that class's defaults. */
export const ltx2AudioVaeConfig = z
  .object({
    base_channels: positive.default(128),
    output_channels: positive.default(2),
    ch_mult: counts.default([1, 2, 4]),
    num_res_blocks: positive.default(2),
    attn_resolutions: z.array(positive).max(0, 'has to be empty: attention is not built').nullish(),
    latent_channels: positive.default(8),
    norm_type: z.literal('pixel').default('pixel'),
    causality_axis: z.literal('height').default('height'),
    mid_block_add_attention: z.literal(false).default(false),
    sample_rate: positive.default(16000),
    mel_hop_length: positive.default(160),
    is_causal: z.literal(true).default(true),
    mel_bins: positive.default(64),
  })
  .refine(({ ch_mult }) => 2 ** (ch_mult.length - 1) === audioCompression, {
    message: `ch_mult has to have 3 entries: a latent stands for ${audioCompression} frames of the spectrogram`,
    path: ['ch_mult'],
  })
  .refine(({ mel_bins }) => mel_bins % audioCompression === 0, {
    message: `mel_bins has to be a multiple of ${audioCompression}`,
    path: ['mel_bins'],
  })
  .refine(config => config.base_channels === config.latent_channels * latentBins(config), {
    message: 'base_channels has to be latent_channels · mel_bins / 4: its statistics are of a packed latent',
    path: ['base_channels'],
  })

export type Ltx2AudioVaeConfig = z.infer<typeof ltx2AudioVaeConfig>

/** Values of a channel in a latent frame. */
export function latentBins({ mel_bins }: { readonly mel_bins: number }): number {
  return mel_bins / audioCompression
}

/** A network from spectrograms to waveforms: both classes of vocoders consist of it. Without fields it has 2.0's values. */
const generatorConfig = z
  .object({
    in_channels: positive.default(128),
    hidden_channels: positive.default(1024),
    out_channels: positive.default(2),
    upsample_kernel_sizes: counts.default([16, 15, 8, 4, 4]),
    upsample_factors: counts.default([6, 5, 2, 2, 2]),
    resnet_kernel_sizes: counts.default([3, 7, 11]),
    resnet_dilations: z.array(counts).default(Array(3).fill([1, 3, 5])),
    act_fn: z.enum(['leaky_relu', 'snake', 'snakebeta']).default('leaky_relu'),
    leaky_relu_negative_slope: z.number().default(0.1),
    antialias: z.boolean().default(false),
    antialias_ratio: positive.default(2),
    antialias_kernel_size: positive.default(12),
    final_act_fn: z.enum(['tanh', 'clamp']).nullable().default('tanh'),
    final_bias: z.boolean().default(true),
  })
  .refine(config => config.upsample_kernel_sizes.length === config.upsample_factors.length, {
    message: 'upsample_kernel_sizes has to have as many entries as upsample_factors',
    path: ['upsample_kernel_sizes'],
  })
  .refine(config => config.resnet_kernel_sizes.length === config.resnet_dilations.length, {
    message: 'resnet_dilations has to have as many entries as resnet_kernel_sizes',
    path: ['resnet_dilations'],
  })
  .refine(config => config.hidden_channels % 2 ** config.upsample_factors.length === 0, {
    message: 'hidden_channels has to be divisible by 2 for each of upsample_factors',
    path: ['hidden_channels'],
  })
  .refine(config => !(config.antialias && config.act_fn === 'leaky_relu'), {
    message: 'antialias is for the activations snake and snakebeta',
    path: ['antialias'],
  })
  .refine(hasWholeFactors, {
    message:
      'upsample_kernel_sizes have to be at least upsample_factors, and to differ from them by even numbers',
    path: ['upsample_kernel_sizes'],
  })

export type GeneratorConfig = z.infer<typeof generatorConfig>

/** Whether every upsampling gives exactly its factor of samples. */
function hasWholeFactors(config: {
  readonly upsample_kernel_sizes: readonly number[]
  readonly upsample_factors: readonly number[]
}): boolean {
  return config.upsample_factors.every((factor, index) => {
    const surplus = (config.upsample_kernel_sizes[index] ?? 0) - factor
    return surplus >= 0 && surplus % 2 === 0
  })
}

/** Samples that a generator makes of a frame of the spectrogram. */
export function samplesPerFrame({ upsample_factors }: Pick<GeneratorConfig, 'upsample_factors'>): number {
  return upsample_factors.reduce((product, factor) => product * factor, 1)
}

/** A vocoder: one generator, and where it extends the band, another one that works on the waveform of the first. */
export interface Ltx2VocoderConfig {
  readonly generator: GeneratorConfig
  /** Samples a second of the generator's waveform. */
  readonly generatorRate: number
  readonly extension: BandExtension | undefined
  /** Samples a second of the sound. */
  readonly rate: number
}

export interface BandExtension {
  readonly generator: GeneratorConfig
  /** Of the spectrogram of the first waveform, in its samples. */
  readonly window: number
  readonly hop: number
  readonly bins: number
  /** Samples of the sound for each of the first waveform. */
  readonly ratio: number
}

/** The fields of diffusers' `LTX2Vocoder` (2.0); missing ones have that class's defaults. */
const plainVocoder = z
  .object({ output_sampling_rate: positive.default(24000) })
  .loose()
  .transform(({ output_sampling_rate: rate, ...fields }, context): Ltx2VocoderConfig => {
    const generator = generatorOf(fields, '', context)
    return { generator, generatorRate: rate, extension: undefined, rate }
  })

/** What `LTX2VocoderWithBWE` sets where a config says nothing, beside what both classes do. */
const extendingDefaults = {
  act_fn: 'snakebeta',
  antialias: true,
  final_act_fn: null,
  final_bias: false,
}

/** The fields of diffusers' `LTX2VocoderWithBWE` (2.3); missing ones have that class's defaults. */
const extendingVocoder = z
  .object({
    filter_length: positive.default(512),
    hop_length: positive.default(80),
    window_length: positive.default(512),
    num_mel_channels: positive.default(64),
    input_sampling_rate: positive.default(16000),
    output_sampling_rate: positive.default(48000),
  })
  .loose()
  .refine(({ filter_length, window_length }) => filter_length === window_length, {
    message: 'window_length has to be filter_length',
    path: ['window_length'],
  })
  .refine(({ hop_length, window_length }) => hop_length <= window_length, {
    message: 'hop_length has to be at most window_length',
    path: ['hop_length'],
  })
  .refine(({ input_sampling_rate: low, output_sampling_rate: high }) => high % low === 0, {
    message: 'output_sampling_rate has to be a multiple of input_sampling_rate',
    path: ['output_sampling_rate'],
  })
  .transform((config, context): Ltx2VocoderConfig => {
    const { hop_length: hop, num_mel_channels: bins, input_sampling_rate: low } = config
    const first = {
      hidden_channels: 1536,
      upsample_kernel_sizes: [11, 4, 4, 4, 4, 4],
      upsample_factors: [5, 2, 2, 2, 2, 2],
    }
    const second = { hidden_channels: 512, upsample_kernel_sizes: [12, 11, 4, 4, 4] }
    const generator = generatorOf({ ...extendingDefaults, ...first, ...config }, '', context)
    const own = { ...extendingDefaults, ...second, ...withoutPrefix(config, 'bwe_') }
    const extending = generatorOf(own, 'bwe_', context)
    const ratio = config.output_sampling_rate / low
    const wrong = (field: string, message: string) => {
      context.addIssue({ code: 'custom', message: `${field} ${message}`, path: [field] })
    }
    if (samplesPerFrame(generator) % hop !== 0) {
      wrong('hop_length', `has to divide ${samplesPerFrame(generator)}, the product of upsample_factors`)
    }
    if (samplesPerFrame(extending) !== hop * ratio) {
      wrong('bwe_upsample_factors', `has to have the product ${hop * ratio}, a hop at the output's rate`)
    }
    if (extending.in_channels !== generator.out_channels * bins) {
      wrong('bwe_in_channels', `has to be ${generator.out_channels * bins}, out_channels · num_mel_channels`)
    }
    if (extending.out_channels !== generator.out_channels) {
      wrong('bwe_out_channels', `has to be out_channels, ${generator.out_channels}`)
    }
    const extension = { generator: extending, window: config.window_length, hop, bins, ratio }
    return { generator, generatorRate: low, extension, rate: config.output_sampling_rate }
  })

/** The config of a vocoder of either class. */
export const ltx2VocoderConfig = z.unknown().transform((config, context): Ltx2VocoderConfig => {
  const { success, data, error } = (isExtending(config) ? extendingVocoder : plainVocoder).safeParse(config)
  if (success) return data
  for (const issue of error.issues) context.addIssue({ ...issue, code: 'custom' })
  return z.NEVER
})

/** Whether a config is of the class that extends the band. */
function isExtending(config: unknown): boolean {
  const fields = Object(config) as Readonly<Record<string, unknown>>
  return fields._class_name === undefined
    ? 'bwe_in_channels' in fields
    : fields._class_name === 'LTX2VocoderWithBWE'
}

function generatorOf(fields: object, prefix: string, context: z.RefinementCtx): GeneratorConfig {
  const { success, data, error } = generatorConfig.safeParse(fields)
  if (success) return data
  for (const {
    message,
    path: [field = '', ...rest],
  } of error.issues) {
    context.addIssue({ code: 'custom', message, path: [`${prefix}${String(field)}`, ...rest] })
  }
  return z.NEVER
}

/** The fields whose names begin with a prefix, without it. */
function withoutPrefix(fields: Readonly<Record<string, unknown>>, prefix: string): Record<string, unknown> {
  const own = Object.entries(fields).filter(([name]) => name.startsWith(prefix))
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]))
}
