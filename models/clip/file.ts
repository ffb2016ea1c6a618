/** CLIP's vision encoder of single files, in the names of transformers (`clip_vision_h.safetensors`). */
import type { FilePart, PartTensors } from '../../src/pipeline/family.ts'
import { layerCount } from '../../src/weights/rename-tensors.ts'

/** The width of OpenAI's ViT-L, which computes with another form of GELU than OpenCLIP's ViT-H. */
const widthOfVitL = 1024

export function clipVisionPart({ tensors }: PartTensors): FilePart | undefined {
  const root = tensors.has('vision_model.embeddings.class_embedding') ? 'vision_model.' : ''
  const at = (key: string) => tensors.get(`${root}${key}`)?.shape
  const patches = at('embeddings.patch_embedding.weight')
  const positions = at('embeddings.position_embedding.weight')
  const hidden = at('encoder.layers.0.mlp.fc1.weight')
  if (patches?.length !== 4 || !positions || !hidden) return undefined
  const [width, channels, patch] = patches as [number, number, number]
  return {
    component: 'image_encoder',
    listed: ['transformers', 'CLIPVisionModel'],
    config: {
      model_type: 'clip_vision_model',
      hidden_size: width,
      intermediate_size: hidden[0],
      num_hidden_layers: layerCount(tensors.keys(), /encoder\.layers\.(\d+)\./),
      num_attention_heads: 16,
      num_channels: channels,
      image_size: Math.round(Math.sqrt(positions[0]! - 1)) * patch,
      patch_size: patch,
      hidden_act: width === widthOfVitL ? 'quick_gelu' : 'gelu',
    },
    tensors,
  }
}
