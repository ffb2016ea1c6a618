import type { OriginalNames } from '../../src/weights/adapters/adapt.ts'

/** From diffusers' keys to those of Tencent's code (diffusers `scripts/convert_hunyuan_video1_5_to_diffusers.py`). */
export const hunyuanOriginalNames: OriginalNames = [
  [/^x_embedder\./, 'img_in.'],
  [/^time_embed\.timestep_embedder\.linear_1\./, 'time_in.mlp.0.'],
  [/^time_embed\.timestep_embedder\.linear_2\./, 'time_in.mlp.2.'],
  [/^time_embed\.timestep_embedder_r\.linear_1\./, 'time_r_in.mlp.0.'],
  [/^time_embed\.timestep_embedder_r\.linear_2\./, 'time_r_in.mlp.2.'],
  [/^cond_type_embed\./, 'cond_type_embedding.'],
  [/^proj_out\./, 'final_layer.linear.'],
  [/^norm_out\.linear\./, 'final_layer.adaLN_modulation.1.'],
  [/^transformer_blocks\./, 'double_blocks.'],
  [/\.norm1\.linear\./, '.img_mod.linear.'],
  [/\.norm1_context\.linear\./, '.txt_mod.linear.'],
  [/\.attn\.to_([qkv])\./, '.img_attn_$1.'],
  [/\.attn\.add_([qkv])_proj\./, '.txt_attn_$1.'],
  [/\.attn\.to_out\.0\./, '.img_attn_proj.'],
  [/\.attn\.to_add_out\./, '.txt_attn_proj.'],
  [/\.attn\.norm_([qk])\./, '.img_attn_$1_norm.'],
  [/\.attn\.norm_added_([qk])\./, '.txt_attn_$1_norm.'],
  [/\.ff\.net\.0\.proj\./, '.img_mlp.fc1.'],
  [/\.ff\.net\.2\./, '.img_mlp.fc2.'],
  [/\.ff_context\.net\.0\.proj\./, '.txt_mlp.fc1.'],
  [/\.ff_context\.net\.2\./, '.txt_mlp.fc2.'],
]
