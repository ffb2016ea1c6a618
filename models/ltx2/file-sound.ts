/** The VAE and the vocoder of LTX-2's sound in a file: what they are, by their tensors and the header. */
import type { FilePart, PartTensors } from '../../src/pipeline/family.ts'
import { layerCount, renameTensors } from '../../src/weights/rename-tensors.ts'
import type { TensorLocation } from '../../src/weights/tensor-location.ts'
import { audioCompression } from './audio-config.ts'
import { headerConfigOf, renamed } from './file-header.ts'
import { audioVaeNames, vocoderNames } from './file-names.ts'

type Tensors = ReadonlyMap<string, TensorLocation>
type Fields = Readonly<Record<string, unknown>> | undefined

export function audioVaePart({ file, tensors: stored }: PartTensors): FilePart | undefined {
  const tensors = renameTensors(stored, audioVaeNames)
  const at = (key: string) => tensors.get(key)?.shape
  const [input, output] = [at('decoder.conv_in.conv.weight'), at('decoder.conv_out.conv.weight')]
  const statistics = at('latents_mean')
  if (input?.length !== 4 || !output || !statistics || !at('decoder.mid.block_1.conv1.conv.weight'))
    return undefined
  const { audio_vae: said } = headerConfigOf(file)
  const { params } = said?.model ?? {}
  const [width, channels] = [output[1]!, input[1]!]
  const levels = layerCount(tensors.keys(), /^decoder\.up\.(\d+)\./)
  const multiples = Array.from({ length: levels }, (_, level) => {
    return at(`decoder.up.${level}.block.0.conv2.conv.weight`)![0]! / width
  })
  return {
    component: 'audio_vae',
    listed: ['diffusers', 'AutoencoderKLLTX2Audio'],
    config: {
      ...renamed(params?.ddconfig, {
        norm_type: 'norm_type',
        causality_axis: 'causality_axis',
        mid_block_add_attention: 'mid_block_add_attention',
        attn_resolutions: 'attn_resolutions',
      }),
      ...renamed(params, { sampling_rate: 'sample_rate' }),
      ...renamed(said?.preprocessing?.stft, { hop_length: 'mel_hop_length', causal: 'is_causal' }),
      base_channels: width,
      output_channels: output[0],
      latent_channels: channels,
      ch_mult: multiples,
      num_res_blocks: layerCount(tensors.keys(), /^decoder\.up\.0\.block\.(\d+)\./) - 1,
      mel_bins: (statistics[0]! / channels) * audioCompression,
    },
    tensors,
  }
}

export function vocoderPart({ file, tensors: stored }: PartTensors): FilePart | undefined {
  const tensors = renameTensors(stored, vocoderNames)
  const { vocoder: said } = headerConfigOf(file)
  const window = tensors.get('mel_stft.stft_fn.forward_basis')?.shape.at(-1)
  const bins = tensors.get('mel_stft.mel_basis')?.shape[0]
  if (window === undefined || bins === undefined) {
    const generator = generatorConfig(tensors, '', said)
    if (!generator) return undefined
    const rate = renamed(said, { output_sampling_rate: 'output_sampling_rate' })
    return {
      component: 'vocoder',
      listed: ['ltx2', 'LTX2Vocoder'],
      config: { _class_name: 'LTX2Vocoder', final_act_fn: 'tanh', ...rate, ...generator },
      tensors,
    }
  }
  const first = generatorConfig(tensors, 'vocoder.', said?.vocoder)
  const second = generatorConfig(tensors, 'bwe_generator.', said?.bwe)
  if (!first || !second) return undefined
  return {
    component: 'vocoder',
    listed: ['ltx2', 'LTX2VocoderWithBWE'],
    config: {
      _class_name: 'LTX2VocoderWithBWE',
      ...renamed(said?.bwe, {
        input_sampling_rate: 'input_sampling_rate',
        output_sampling_rate: 'output_sampling_rate',
        hop_length: 'hop_length',
      }),
      filter_length: window,
      window_length: window,
      num_mel_channels: bins,
      ...first,
      ...Object.fromEntries(Object.entries(second).map(([name, value]) => [`bwe_${name}`, value])),
    },
    tensors,
  }
}

/** What a transposed convolution of such a kernel lengthens by, in every published vocoder. */
const factorOfKernel: Readonly<Record<number, number>> = { 16: 6, 15: 5, 12: 6, 11: 5, 8: 2, 4: 2 }

/** Of every published vocoder, from the first convolution of a block on. */
const dilations = [1, 3, 5]

function generatorConfig(tensors: Tensors, root: string, said: Fields): Record<string, unknown> | undefined {
  const at = (key: string) => tensors.get(`${root}${key}`)?.shape
  const [input, output] = [at('conv_in.weight'), at('conv_out.weight')]
  if (input?.length !== 3 || !output) return undefined
  const keys = [...tensors.keys()].filter(key => key.startsWith(root)).map(key => key.slice(root.length))
  const kernels = Array.from({ length: layerCount(keys, /^upsamplers\.(\d+)\./) }, (_, index) => {
    return at(`upsamplers.${index}.weight`)!.at(-1)!
  })
  const parallel = layerCount(keys, /^resnets\.(\d+)\./) / kernels.length
  const blocks = Array.from({ length: parallel }, (_, block) => {
    const length = layerCount(keys, new RegExp(`^resnets\\.${block}\\.convs1\\.(\\d+)\\.`))
    return { kernel: at(`resnets.${block}.convs1.0.weight`)?.at(-1), dilations: dilations.slice(0, length) }
  })
  const taps = at('act_out.upsample.filter')?.at(-1)
  const snake = tensors.has(`${root}act_out.act.beta`) ? 'snakebeta' : 'snake'
  const active = tensors.has(`${root}act_out.act.alpha`)
  return {
    in_channels: input[1],
    hidden_channels: input[0],
    out_channels: output[0],
    upsample_kernel_sizes: kernels,
    upsample_factors: kernels.map(kernel => factorOfKernel[kernel] ?? kernel / 2),
    resnet_kernel_sizes: blocks.map(({ kernel }) => kernel),
    resnet_dilations: blocks.map(block => block.dilations),
    ...renamed(said, {
      upsample_rates: 'upsample_factors',
      resblock_dilation_sizes: 'resnet_dilations',
    }),
    act_fn: active ? snake : 'leaky_relu',
    antialias: taps !== undefined,
    ...(taps !== undefined && { antialias_kernel_size: taps }),
    final_bias: tensors.has(`${root}conv_out.bias`),
  }
}
