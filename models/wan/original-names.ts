import type { OriginalNames } from '../../src/weights/adapters/adapt.ts'
import { contextLayers, type WanTransformerConfig } from './config.ts'

/** From diffusers' keys to those of the published Wan code (diffusers `scripts/convert_wan_to_diffusers.py`). */
export const wanOriginalNames: OriginalNames = [
  [/^condition_embedder\.time_embedder\.linear_1\./, 'time_embedding.0.'],
  [/^condition_embedder\.time_embedder\.linear_2\./, 'time_embedding.2.'],
  [/^condition_embedder\.text_embedder\.linear_1\./, 'text_embedding.0.'],
  [/^condition_embedder\.text_embedder\.linear_2\./, 'text_embedding.2.'],
  [/^condition_embedder\.time_proj\./, 'time_projection.1.'],
  [/^condition_embedder\.image_embedder\.pos_embed$/, 'img_emb.emb_pos'],
  [/^condition_embedder\.image_embedder\.norm1\./, 'img_emb.proj.0.'],
  [/^condition_embedder\.image_embedder\.ff\.net\.0\.proj\./, 'img_emb.proj.1.'],
  [/^condition_embedder\.image_embedder\.ff\.net\.2\./, 'img_emb.proj.3.'],
  [/^condition_embedder\.image_embedder\.norm2\./, 'img_emb.proj.4.'],
  [/^proj_out\./, 'head.head.'],
  [/^scale_shift_table$/, 'head.modulation'],
  [/\.scale_shift_table$/, '.modulation'],
  [/\.attn1\./, '.self_attn.'],
  [/\.attn2\./, '.cross_attn.'],
  [/\.add_k_proj\./, '.k_img.'],
  [/\.add_v_proj\./, '.v_img.'],
  [/\.norm_added_k\./, '.norm_k_img.'],
  [/\.to_out\.0\./, '.o.'],
  [/\.to_([qkv])\./, '.$1.'],
  [/\.ffn\.net\.0\.proj\./, '.ffn.0.'],
  [/\.ffn\.net\.2\./, '.ffn.2.'],
  [/^(blocks|vace_blocks)\.(\d+)\.norm2\./, '$1.$2.norm3.'],
  [/^vace_blocks\.(\d+)\.proj_in\./, 'vace_blocks.$1.before_proj.'],
  [/^vace_blocks\.(\d+)\.proj_out\./, 'vace_blocks.$1.after_proj.'],
]

/** What only the transformers of Wan 2.1 image-to-video checkpoints have: the way of CLIP's picture. */
export function imageTensors(config: WanTransformerConfig): string[] {
  const embedder = ['norm1', 'norm2', 'ff.net.0.proj', 'ff.net.2'].map(name => {
    return `condition_embedder.image_embedder.${name}`
  })
  const layers = contextLayers(config).map(layer => `${layer}.attn2`)
  const modules = [
    ...embedder,
    ...layers.flatMap(attention => imageModules.map(name => `${attention}.${name}`)),
  ]
  return modules.flatMap(module => [`${module}.weight`, `${module}.bias`])
}

const imageModules = ['add_k_proj', 'add_v_proj', 'norm_added_k', 'norm_added_q']
