/** SigLIP's vision encoder of single files, in the names of transformers (`sigclip_vision_patch14_384.safetensors`). */
import type { FilePart, PartTensors } from '../../src/pipeline/family.ts'
import { layerCount } from '../../src/weights/rename-tensors.ts'
import { siglipSo400m } from './config.ts'

/** What is left over where a picture is cut into patches, of the published encoder: 384 pixels are 27 patches of 14. */
const patchesOfSo400m = Math.floor(siglipSo400m.image_size / siglipSo400m.patch_size)

/** The encoder that tensors are: one of patches with biases, without a token of its own for the class. */
export function siglipVisionPart({ tensors, config }: PartTensors): FilePart | undefined {
  const root = tensors.has('vision_model.embeddings.patch_embedding.weight') ? 'vision_model.' : ''
  const at = (key: string) => tensors.get(`${root}${key}`)?.shape
  const patches = at('embeddings.patch_embedding.weight')
  const positions = at('embeddings.position_embedding.weight')
  const hidden = at('encoder.layers.0.mlp.fc1.weight')
  if (patches?.length !== 4 || !positions || !hidden) return undefined
  if (!at('embeddings.patch_embedding.bias') || at('embeddings.class_embedding')) return undefined
  const [width, channels, patch] = patches as [number, number, number]
  const side = Math.round(Math.sqrt(positions[0]!))
  const said = (config?.vision_config ?? config) as PartTensors['config']
  return {
    component: 'image_encoder',
    listed: ['transformers', 'SiglipVisionModel'],
    config: {
      model_type: siglipSo400m.model_type,
      num_attention_heads: siglipSo400m.num_attention_heads,
      image_size: side === patchesOfSo400m ? siglipSo400m.image_size : side * patch,
      ...(said?.hidden_size === width && said),
      hidden_size: width,
      intermediate_size: hidden[0],
      num_hidden_layers: layerCount(tensors.keys(), /encoder\.layers\.(\d+)\./),
      num_channels: channels,
      patch_size: patch,
    },
    tensors,
  }
}
