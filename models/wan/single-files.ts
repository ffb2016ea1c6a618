/** Wan as single files: what a part is, by its tensors, and what is assumed where they do not tell. */
import { CheckpointError } from '../../src/errors.ts'
import type {
  FilePart,
  NeededPart,
  PartTensors,
  SingleFileModel,
  SingleFiles,
} from '../../src/pipeline/family.ts'
import { layerCount, renameTensors, withShape } from '../../src/weights/rename-tensors.ts'
import type { TensorLocation } from '../../src/weights/tensor-location.ts'
import { clipVisionPart } from '../clip/file.ts'
import { t5Part } from '../t5/file.ts'
import { transformerNames, vaeNames } from './file-names.ts'
import { clipProcessor } from './published.ts'
import { latents22 } from './vae-latents.ts'

export const wanSingleFiles: SingleFiles = {
  parts: tensors => {
    const part = transformerPart(tensors) ?? vaePart(tensors) ?? t5Part(tensors) ?? clipVisionPart(tensors)
    return part ? [part] : []
  },
  model: modelOf,
}

/** Of Wan 2.2 image-to-video, as ComfyUI has it. */
const lowNoiseFile =
  'Comfy-Org/Wan_2.2_ComfyUI_Repackaged/split_files/diffusion_models/wan2.2_i2v_low_noise_14B_fp8_scaled.safetensors'

/** Every published checkpoint has them. */
const headDim = 128
const patch = [1, 2, 2] as const

function transformerPart({ tensors: stored }: PartTensors): FilePart | undefined {
  const tensors = renameTensors(stored, transformerNames)
  const at = (key: string) => tensors.get(key)?.shape
  const kernel = at('patch_embedding.weight')
  const hidden = at('blocks.0.ffn.net.0.proj.weight')
  const width = at('blocks.0.attn1.to_q.bias')?.[0]
  const text = at('condition_embedder.text_embedder.linear_1.weight')
  const time = at('condition_embedder.time_embedder.linear_1.weight')
  const out = at('proj_out.bias')?.[0]
  if (!kernel || !hidden || !width || !text || !time || !out) return undefined
  const channels = kernel.slice(1).reduce((product, dim) => product * dim, 1) / 4
  const layers = layerCount(tensors.keys(), /^blocks\.(\d+)\./)
  const hints = layerCount(tensors.keys(), /^vace_blocks\.(\d+)\./)
  const imageWidth = at('condition_embedder.image_embedder.norm1.weight')?.[0]
  restoreShapes(tensors, width)
  return {
    component: 'transformer',
    listed: ['diffusers', hints > 0 ? 'WanVACETransformer3DModel' : 'WanTransformer3DModel'],
    config: {
      patch_size: patch,
      num_attention_heads: width / headDim,
      attention_head_dim: headDim,
      in_channels: channels,
      out_channels: out / 4,
      text_dim: text[1],
      freq_dim: time[1],
      ffn_dim: hidden[0],
      num_layers: layers,
      cross_attn_norm: tensors.has('blocks.0.norm2.weight'),
      image_dim: imageWidth ?? null,
      added_kv_proj_dim: tensors.has('blocks.0.attn2.add_k_proj.weight') ? width : null,
      pos_embed_seq_len: at('condition_embedder.image_embedder.pos_embed')?.[1] ?? null,
      ...(hints > 0 && {
        // Every second layer of the 1.3B network has a hint, and every fifth of the 14B one.
        vace_layers: Array.from({ length: hints }, (_, index) => index * Math.floor(layers / hints)),
        vace_in_channels: vaceChannels(at('vace_patch_embedding.weight')),
      }),
    },
    tensors,
  }
}

function vaceChannels(kernel: readonly number[] | undefined): number | undefined {
  return kernel && kernel.slice(1).reduce((product, dim) => product * dim, 1) / 4
}

/** Some writers of GGUF leave out axes of 1, or join axes, of tensors that are no matrices. */
function restoreShapes(tensors: Map<string, TensorLocation>, width: number): void {
  for (const [key, tensor] of tensors) {
    const count = tensor.shape.reduce((product, dim) => product * dim, 1)
    if (/(?:^|\.)scale_shift_table$/.test(key)) tensors.set(key, withShape(tensor, [1, count / width, width]))
    if (/(?:^|vace_)patch_embedding\.weight$/.test(key)) {
      tensors.set(key, withShape(tensor, [width, count / width / 4, ...patch]))
    }
  }
}

function vaePart({ tensors: stored }: PartTensors): FilePart | undefined {
  const tensors = renameTensors(stored, vaeNames)
  const at = (key: string) => tensors.get(key)?.shape
  const channels = at('post_quant_conv.bias')?.[0]
  const widest = at('decoder.conv_in.bias')?.[0]
  const out = at('decoder.conv_out.bias')?.[0]
  if (!channels || !widest || !out || !tensors.has('decoder.mid_block.attentions.0.to_qkv.weight'))
    return undefined
  const decoderWidth = widest / 4
  const width = at('encoder.conv_in.bias')?.[0] ?? decoderWidth
  const residual = tensors.has('decoder.up_blocks.0.upsampler.resample.1.weight')
  return {
    component: 'vae',
    listed: ['diffusers', 'AutoencoderKLWan'],
    config: {
      base_dim: width,
      ...(decoderWidth !== width && { decoder_base_dim: decoderWidth }),
      z_dim: channels,
      is_residual: residual,
      in_channels: out,
      out_channels: out,
      ...(out > 3 && { patch_size: Math.sqrt(out / 3), scale_factor_spatial: 8 * Math.sqrt(out / 3) }),
      ...(channels === 48 && latents22),
    },
    tensors,
  }
}

/** Field of a part's config as a number. */
const field = ({ config }: FilePart, name: string) => config[name] as number

function modelOf(transformers: readonly [FilePart, ...FilePart[]]): SingleFileModel {
  const [first, second] = transformers
  const extra = field(first, 'in_channels') - field(first, 'out_channels')
  const seesPictures = first.config.image_dim !== null
  if (extra > 0 && !seesPictures && !second) {
    throw new CheckpointError('checkpoint/config', {
      subject: 'transformer',
      expected: 'two files, as Wan 2.2 image-to-video has them',
      got: 'one',
      advice: `Give the high-noise file as --model and the low-noise file as --transformer-2. Fetch one with: framewright models pull ${lowNoiseFile}`,
    })
  }
  const controlled = first.config.vace_layers !== undefined
  const perFrame = field(first, 'out_channels') === 48
  const pipeline = controlled ? 'WanVACEPipeline' : extra > 0 ? 'WanImageToVideoPipeline' : 'WanPipeline'
  const boundary = second && (extra > 0 ? 0.9 : 0.875)
  const shift = first.config.pos_embed_seq_len !== null ? 16 : perFrame ? 5 : 3
  return {
    variant: variantOf(first, second),
    index: () => ({
      _class_name: pipeline,
      ...(boundary !== undefined && { boundary_ratio: boundary }),
      ...(perFrame && { expand_timesteps: true }),
    }),
    configs: parts => ({
      scheduler: {
        _class_name: 'UniPCMultistepScheduler',
        prediction_type: 'flow_prediction',
        use_flow_sigmas: true,
        flow_shift: shift,
      },
      ...(seesPictures && { image_processor: processorFor(parts.get('image_encoder')) }),
    }),
    needs: needsOf(first, seesPictures),
    tokenizers: ['Wan-AI/Wan2.1-T2V-1.3B-Diffusers/tokenizer', 'google/umt5-xxl'],
    assumed: [
      `sampler: UniPC with a flow shift of ${shift}, as in the ${repositoryOf(first, second)} repository; --sampler and --shift change it`,
      ...(boundary === undefined
        ? []
        : [
            `experts: --model runs the steps from timestep ${boundary * 1000} on, --transformer-2 those below; --boundary changes it`,
          ]),
    ],
  }
}

/** CLIP's processor for the encoder's own size of pictures. */
function processorFor(encoder: FilePart | undefined): object {
  const size = encoder && field(encoder, 'image_size')
  return size === undefined
    ? clipProcessor
    : { ...clipProcessor, crop_size: { height: size, width: size }, size: { shortest_edge: size } }
}

function needsOf(transformer: FilePart, seesPictures: boolean): NeededPart[] {
  const [text, latents, image] = ['text_dim', 'out_channels', 'image_dim'].map(name =>
    field(transformer, name),
  )
  const encoder: NeededPart = {
    component: 'text_encoder',
    what: `a UMT5 text encoder of width ${text}`,
    repository: 'Comfy-Org/Wan_2.1_ComfyUI_repackaged',
    file: 'split_files/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors',
    fits: part => part.listed[1] === 'UMT5EncoderModel' && field(part, 'd_model') === text,
  }
  const vae: NeededPart = {
    component: 'vae',
    what: `a Wan VAE of ${latents} channels`,
    repository:
      latents === 48 ? 'Comfy-Org/Wan_2.2_ComfyUI_Repackaged' : 'Comfy-Org/Wan_2.1_ComfyUI_repackaged',
    file: `split_files/vae/${latents === 48 ? 'wan2.2_vae' : 'wan_2.1_vae'}.safetensors`,
    fits: part => field(part, 'z_dim') === latents,
  }
  const clip: NeededPart = {
    component: 'image_encoder',
    what: `a CLIP vision encoder of width ${image}`,
    repository: 'Comfy-Org/Wan_2.1_ComfyUI_repackaged',
    file: 'split_files/clip_vision/clip_vision_h.safetensors',
    fits: part => field(part, 'hidden_size') === image,
  }
  return seesPictures ? [encoder, vae, clip] : [encoder, vae]
}

/** Networks of Wan 2.1 T2V and the two of Wan 2.2 have the same tensors. */
function variantOf(transformer: FilePart, second: FilePart | undefined): string {
  const pictures = field(transformer, 'in_channels') > field(transformer, 'out_channels')
  if (transformer.config.vace_layers !== undefined) return 'Wan 2.1 VACE'
  if (field(transformer, 'out_channels') === 48) return 'Wan 2.2 TI2V-5B'
  if (second) return pictures ? 'Wan 2.2 I2V-A14B' : 'Wan 2.2 T2V-A14B'
  if (transformer.config.pos_embed_seq_len !== null) return 'Wan 2.1 FLF2V'
  return pictures ? 'Wan 2.1 I2V' : 'Wan 2.1 T2V'
}

/** A published folder whose scheduler is taken. */
function repositoryOf(transformer: FilePart, second: FilePart | undefined): string {
  const pictures = field(transformer, 'in_channels') > field(transformer, 'out_channels')
  if (transformer.config.vace_layers !== undefined) return 'Wan-AI/Wan2.1-VACE-14B-diffusers'
  if (field(transformer, 'out_channels') === 48) return 'Wan-AI/Wan2.2-TI2V-5B-Diffusers'
  if (second) return pictures ? 'Wan-AI/Wan2.2-I2V-A14B-Diffusers' : 'Wan-AI/Wan2.2-T2V-A14B-Diffusers'
  if (transformer.config.pos_embed_seq_len !== null) return 'Wan-AI/Wan2.1-FLF2V-14B-720P-diffusers'
  return pictures ? 'Wan-AI/Wan2.1-I2V-14B-480P-Diffusers' : 'Wan-AI/Wan2.1-T2V-14B-Diffusers'
}
