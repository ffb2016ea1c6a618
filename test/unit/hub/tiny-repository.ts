import { randomBytes } from 'node:crypto'
import type { RepositoryFiles } from './hub-server.ts'

const text = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : `${JSON.stringify(value, null, 2)}\n`)

/** Where the transformer's weights are, the largest file. */
export const weightsPath = 'transformer/diffusion_pytorch_model.safetensors'

/** The files that are to be pulled of `tinyRepository`. */
export function neededFiles(): RepositoryFiles {
  return {
    'model_index.json': text({
      _class_name: 'WanPipeline',
      scheduler: ['diffusers', 'UniPCMultistepScheduler'],
      text_encoder: ['transformers', 'UMT5EncoderModel'],
      tokenizer: ['transformers', 'T5TokenizerFast'],
      transformer: ['diffusers', 'WanTransformer3DModel'],
      transformer_2: [null, null],
    }),
    'scheduler/scheduler_config.json': text({ _class_name: 'UniPCMultistepScheduler' }),
    'text_encoder/config.json': text({ d_model: 8 }),
    'text_encoder/model-00001-of-00002.safetensors': randomBytes(30_000),
    'text_encoder/model-00002-of-00002.safetensors': randomBytes(20_000),
    'text_encoder/model.safetensors.index.json': text({ weight_map: {} }),
    'tokenizer/spiece.model': randomBytes(5_000),
    'tokenizer/tokenizer.json': text({ model: {} }),
    'tokenizer/merges.txt': text(''),
    'transformer/config.json': text({ _class_name: 'WanTransformer3DModel' }),
    [weightsPath]: randomBytes(400_000),
  }
}

/** Those of a model with one component, where it does not matter how many are pulled. */
export function fewFiles(): RepositoryFiles {
  const all = neededFiles()
  const index = { _class_name: 'WanPipeline', transformer: ['diffusers', 'WanTransformer3DModel'] }
  return {
    'model_index.json': text(index),
    'transformer/config.json': all['transformer/config.json']!,
    [weightsPath]: all[weightsPath]!,
  }
}

/** A model in the diffusers layout, with everything around it that nobody needs. */
export function tinyRepository(needed: RepositoryFiles): RepositoryFiles {
  return {
    '.gitattributes': text('*.safetensors filter=lfs'),
    'README.md': text('# A model'),
    'assets/teaser.png': randomBytes(3_000),
    'examples/prompts.json': text([]),
    ...needed,
    'text_encoder/model.fp16.safetensors': randomBytes(100),
    'text_encoder/pytorch_model.bin': randomBytes(100),
    'transformer/diffusion_pytorch_model.fp16.safetensors': randomBytes(100),
    'transformer_2/config.json': text({}),
    'transformer/onnx/model.onnx': randomBytes(100),
  }
}
