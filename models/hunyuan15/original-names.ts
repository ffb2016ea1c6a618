import type { OriginalNames } from '../../src/weights/adapters/adapt.ts'
import type { JoinedLayer } from '../../src/weights/adapters/joined-rows.ts'

const refinerBlock = String.raw`^context_embedder\.token_refiner\.refiner_blocks\.(\d+)\.`

/** A layer of a refiner block by the makers' name. */
function refined(layer: string, name: string): OriginalNames[number] {
  return [new RegExp(`${refinerBlock}${layer}`), `txt_in.individual_token_refiner.blocks.$1.${name}`]
}

/**
 * From diffusers' keys to those of Tencent's code (diffusers `scripts/convert_hunyuan_video1_5_to_diffusers.py`). Layers that
 * are other matrices there are in `hunyuanJoinedLayers`.
 */
export const hunyuanOriginalNames: OriginalNames = [
  refined(String.raw`attn\.to_out\.0\.`, 'self_attn_proj.'),
  refined(String.raw`ff\.net\.0\.proj\.`, 'mlp.fc1.'),
  refined(String.raw`ff\.net\.2\.`, 'mlp.fc2.'),
  refined(String.raw`norm_out\.linear\.`, 'adaLN_modulation.1.'),
  [/^context_embedder\.time_text_embed\.timestep_embedder\.linear_1\./, 'txt_in.t_embedder.mlp.0.'],
  [/^context_embedder\.time_text_embed\.timestep_embedder\.linear_2\./, 'txt_in.t_embedder.mlp.2.'],
  [/^context_embedder\.time_text_embed\.text_embedder\./, 'txt_in.c_embedder.'],
  [/^context_embedder\.proj_in\./, 'txt_in.input_embedder.'],
  [/^context_embedder_2\.linear_(\d)\./, 'byt5_in.fc$1.'],
  [/^image_embedder\.linear_1\./, 'vision_in.proj.1.'],
  [/^image_embedder\.linear_2\./, 'vision_in.proj.3.'],
  [/^x_embedder\./, 'img_in.'],
  [/^time_embed\.timestep_embedder\.linear_1\./, 'time_in.mlp.0.'],
  [/^time_embed\.timestep_embedder\.linear_2\./, 'time_in.mlp.2.'],
  [/^time_embed\.timestep_embedder_r\.linear_1\./, 'time_r_in.mlp.0.'],
  [/^time_embed\.timestep_embedder_r\.linear_2\./, 'time_r_in.mlp.2.'],
  [/^cond_type_embed\./, 'cond_type_embedding.'],
  [/^proj_out\./, 'final_layer.linear.'],
  [/^transformer_blocks\./, 'double_blocks.'],
  [/\.norm1\.linear\./, '.img_mod.linear.'],
  [/\.norm1_context\.linear\./, '.txt_mod.linear.'],
  [/(double_blocks\.\d+)\.attn\.to_([qkv])\./, '$1.img_attn_$2.'],
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

/** What ComfyUI calls Tencent's layers. */
export const hunyuanToolNames: OriginalNames = [
  [/_mod\.linear\./, '_mod.lin.'],
  [/(_mlp|\.mlp)\.fc1\./, '$1.0.'],
  [/(_mlp|\.mlp)\.fc2\./, '$1.2.'],
  [/^(time_in|time_r_in|txt_in\.t_embedder)\.mlp\.0\./, '$1.in_layer.'],
  [/^(time_in|time_r_in|txt_in\.t_embedder)\.mlp\.2\./, '$1.out_layer.'],
  [/^txt_in\.c_embedder\.linear_1\./, 'txt_in.c_embedder.in_layer.'],
  [/^txt_in\.c_embedder\.linear_2\./, 'txt_in.c_embedder.out_layer.'],
]

/** Queries, keys and values of one matrix, in order: of the refiner Tencent's, of the blocks ComfyUI's; the last modulation. */
export const hunyuanJoinedLayers: readonly JoinedLayer[] = [
  joined(`${refinerBlock}attn\\.to_#\\.`, 'txt_in.individual_token_refiner.blocks.$1.self_attn_qkv.'),
  joined(String.raw`^transformer_blocks\.(\d+)\.attn\.to_#\.`, 'double_blocks.$1.img_attn_qkv.'),
  joined(String.raw`^transformer_blocks\.(\d+)\.attn\.add_#_proj\.`, 'double_blocks.$1.txt_attn_qkv.'),
  // Shift and scale, which diffusers has the other way round.
  { parts: [/^norm_out\.linear\./], name: 'final_layer.adaLN_modulation.1.', swapped: true },
]

function joined(pattern: string, name: string): JoinedLayer {
  return { parts: ['q', 'k', 'v'].map(each => new RegExp(pattern.replace('#', each))), name }
}
