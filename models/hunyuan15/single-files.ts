/** HunyuanVideo 1.5 as single files: their parts, what a model of them needs, and what is assumed where they do not tell. */
import type {
  AskedModel,
  FilePart,
  NeededPart,
  PartTensors,
  SingleFileModel,
  SingleFiles,
} from '../../src/pipeline/family.ts'
import { qwen2Part } from '../qwen2/file.ts'
import { siglipVisionPart } from '../siglip/file.ts'
import { t5Part } from '../t5/file.ts'
import { transformerPart, vaePart } from './file-parts.ts'
import { imageToVideo } from './pipelines.ts'

export const hunyuanSingleFiles: SingleFiles = {
  parts(section) {
    const part =
      transformerPart(section) ??
      vaePart(section) ??
      qwen2Part(section) ??
      glyphPart(section) ??
      siglipVisionPart(section)
    return part ? [part] : []
  },
  model: modelOf,
}

/** ByT5, which is a T5 with bytes for its vocabulary. */
function glyphPart(section: PartTensors): FilePart | undefined {
  const part = t5Part(section)
  return part && { ...part, component: 'text_encoder_2' }
}

const textToVideo = 'HunyuanVideo15Pipeline'
const repackaged = 'Comfy-Org/HunyuanVideo_1.5_repackaged'
const folders = 'hunyuanvideo-community/HunyuanVideo-1.5-Diffusers'

/** Field of a part's config as a number. */
const field = ({ config }: FilePart, name: string) => config[name] as number

function modelOf(
  [transformer]: readonly [FilePart, ...FilePart[]],
  { pipeline, given }: AskedModel,
): SingleFileModel {
  const { config } = transformer
  const distilled = config.use_meanflow === true
  const shows =
    pipeline === undefined
      ? given.has('image_encoder') || distilled || config.ideal_task === 'i2v'
      : pipeline === imageToVideo
  const large = field(transformer, 'target_size') > 640
  const shift = distilled ? 7 : large ? (shows ? 7 : 9) : 5
  const guidance = distilled ? 1 : 6
  const repository = `${folders}-${large ? '720p' : '480p'}_${shows ? 'i2v' : 't2v'}${distilled ? '_step_distilled' : ''}`
  return {
    variant: `HunyuanVideo 1.5 ${shows ? 'I2V' : 'T2V'}${distilled ? ', step-distilled' : ''}`,
    index: () => ({ _class_name: shows ? imageToVideo : textToVideo }),
    configs: parts => ({
      scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift },
      guider: { _class_name: 'ClassifierFreeGuidance', guidance_scale: guidance },
      ...(shows && { feature_extractor: processorFor(parts.get('image_encoder')) }),
    }),
    needs: needsOf(transformer, shows),
    tokenizers: [`${folders}-480p_t2v/tokenizer`, 'Qwen/Qwen2.5-VL-7B-Instruct'],
    assumed: [
      `task: ${shows ? 'video from a first frame' : 'video from text; --image-encoder makes it video from a first frame'}, which no tensor tells`,
      `size, sampler and guidance: ${large ? '720p' : '480p'}, Euler with a shift of ${shift} and guidance ${guidance}, as in the ${repository} repository; --size, --shift and --guidance change them (720p: --shift 9, from a picture 7; distilled: --guidance 1)`,
    ],
  }
}

/** SigLIP's processor for the encoder's own size of pictures. */
function processorFor(encoder: FilePart | undefined): object {
  const side = encoder ? field(encoder, 'image_size') : 384
  return { size: { height: side, width: side } }
}

function needsOf(transformer: FilePart, shows: boolean): NeededPart[] {
  const [text, glyphs, latents, image] = [
    'text_embed_dim',
    'text_embed_2_dim',
    'out_channels',
    'image_embed_dim',
  ].map(name => field(transformer, name))
  const published = (file: string) => ({ repository: repackaged, file: `split_files/${file}.safetensors` })
  const encoders: NeededPart[] = [
    {
      component: 'text_encoder',
      what: `the language model of Qwen2.5-VL, of width ${text}`,
      ...published('text_encoders/qwen_2.5_vl_7b_fp8_scaled'),
      fits: part => part.listed[1] === 'Qwen2_5_VLTextModel' && field(part, 'hidden_size') === text,
    },
    {
      component: 'text_encoder_2',
      what: `a ByT5 encoder of width ${glyphs}`,
      ...published('text_encoders/byt5_small_glyphxl_fp16'),
      fits: part => part.listed[1] === 'T5EncoderModel' && field(part, 'd_model') === glyphs,
    },
    {
      component: 'vae',
      what: `a HunyuanVideo 1.5 VAE of ${latents} channels`,
      ...published('vae/hunyuanvideo15_vae_fp16'),
      fits: part =>
        part.listed[1] === 'AutoencoderKLHunyuanVideo15' && field(part, 'latent_channels') === latents,
    },
  ]
  const picture: NeededPart = {
    component: 'image_encoder',
    what: `a SigLIP vision encoder of width ${image}`,
    ...published('clip_vision/sigclip_vision_patch14_384'),
    fits: part => part.listed[1] === 'SiglipVisionModel' && field(part, 'hidden_size') === image,
  }
  return shows ? [...encoders, picture] : encoders
}
