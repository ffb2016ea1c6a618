/**
 * Writes HunyuanVideo 1.5 models of diffusers' layout as Tencent's and ComfyUI's files have them: their names, the projections
 * that they join, and shift before scale in the last norm.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'

type Tensors = Map<string, Tensor>
type Pairs = readonly (readonly [string | RegExp, string])[]

/** From diffusers' names to Tencent's, one after the other. */
const tencent: Pairs = [
  [/^x_embedder\./, 'img_in.'],
  [/^time_embed\.timestep_embedder\.linear_1\./, 'time_in.mlp.0.'],
  [/^time_embed\.timestep_embedder\.linear_2\./, 'time_in.mlp.2.'],
  [/^time_embed\.timestep_embedder_r\.linear_1\./, 'time_r_in.mlp.0.'],
  [/^time_embed\.timestep_embedder_r\.linear_2\./, 'time_r_in.mlp.2.'],
  [/^context_embedder\.time_text_embed\.timestep_embedder\.linear_1\./, 'txt_in.t_embedder.mlp.0.'],
  [/^context_embedder\.time_text_embed\.timestep_embedder\.linear_2\./, 'txt_in.t_embedder.mlp.2.'],
  ['context_embedder.time_text_embed.text_embedder.', 'txt_in.c_embedder.'],
  ['context_embedder.proj_in.', 'txt_in.input_embedder.'],
  [/^(context_embedder.*)\.attn\.to_out\.0\./, '$1.self_attn_proj.'],
  [/^(context_embedder.*)\.ff\.net\.0\.proj\./, '$1.mlp.fc1.'],
  [/^(context_embedder.*)\.ff\.net\.2\./, '$1.mlp.fc2.'],
  [/^(context_embedder.*)\.norm_out\.linear\./, '$1.adaLN_modulation.1.'],
  ['context_embedder.token_refiner.refiner_blocks.', 'txt_in.individual_token_refiner.blocks.'],
  ['context_embedder_2.norm.', 'byt5_in.layernorm.'],
  [/^context_embedder_2\.linear_/, 'byt5_in.fc'],
  ['image_embedder.norm_in.', 'vision_in.proj.0.'],
  ['image_embedder.linear_1.', 'vision_in.proj.1.'],
  ['image_embedder.linear_2.', 'vision_in.proj.3.'],
  ['image_embedder.norm_out.', 'vision_in.proj.4.'],
  ['cond_type_embed.', 'cond_type_embedding.'],
  [/^norm_out\.linear\./, 'final_layer.adaLN_modulation.1.'],
  [/^proj_out\./, 'final_layer.linear.'],
  [/^transformer_blocks\./, 'double_blocks.'],
  ['.norm1.linear.', '.img_mod.linear.'],
  ['.norm1_context.linear.', '.txt_mod.linear.'],
  ['.attn.norm_added_', '.txt_attn_#'],
  ['.attn.norm_', '.img_attn_#'],
  [/#([qk])\./, '$1_norm.'],
  ['.attn.to_out.0.', '.img_attn_proj.'],
  ['.attn.to_add_out.', '.txt_attn_proj.'],
  ['.ff.net.0.proj.', '.img_mlp.fc1.'],
  ['.ff.net.2.', '.img_mlp.fc2.'],
  ['.ff_context.net.0.proj.', '.txt_mlp.fc1.'],
  ['.ff_context.net.2.', '.txt_mlp.fc2.'],
]

/** Projections of queries, keys and values: how diffusers calls them, and what Tencent calls them apart and as one. */
const projections = [
  [/^(txt_in.*)\.attn\.to_([qkv])\./, '$1.self_attn_', true],
  [/^(double_blocks.*)\.attn\.to_([qkv])\./, '$1.img_attn_', false],
  [/^(double_blocks.*)\.attn\.add_([qkv])_proj\./, '$1.txt_attn_', false],
] as const

/** ComfyUI's modules, as it saves them. */
const comfy: Pairs = [
  ['_attn_qkv.', '_attn.qkv.'],
  ['_attn_proj.', '_attn.proj.'],
  ['_attn_q_norm.weight', '_attn.norm.query_norm.scale'],
  ['_attn_k_norm.weight', '_attn.norm.key_norm.scale'],
  ['_mod.linear.', '_mod.lin.'],
  ['mlp.fc1.', 'mlp.0.'],
  ['mlp.fc2.', 'mlp.2.'],
  [/^txt_in\.t_embedder\.mlp\.0\./, 'txt_in.t_embedder.in_layer.'],
  [/^txt_in\.t_embedder\.mlp\.2\./, 'txt_in.t_embedder.out_layer.'],
  [/^txt_in\.c_embedder\.linear_1\./, 'txt_in.c_embedder.in_layer.'],
  [/^txt_in\.c_embedder\.linear_2\./, 'txt_in.c_embedder.out_layer.'],
  [/^(time_in|time_r_in)\.mlp\.0\./, '$1.in_layer.'],
  [/^(time_in|time_r_in)\.mlp\.2\./, '$1.out_layer.'],
]

const vae: Pairs = [
  [/^encoder\.down_blocks\.(\d+)\.resnets\./, 'encoder.down.$1.block.'],
  [/^encoder\.down_blocks\.(\d+)\.downsamplers\.0\./, 'encoder.down.$1.downsample.'],
  [/^decoder\.up_blocks\.(\d+)\.resnets\./, 'decoder.up.$1.block.'],
  [/^decoder\.up_blocks\.(\d+)\.upsamplers\.0\./, 'decoder.up.$1.upsample.'],
  ['.mid_block.resnets.0.', '.mid.block_1.'],
  ['.mid_block.resnets.1.', '.mid.block_2.'],
  [/\.mid_block\.attentions\.0\.to_([qkv])\./, '.mid.attn_1.$1.'],
  ['.mid_block.attentions.0.', '.mid.attn_1.'],
]

function rename(name: string, pairs: Pairs): string {
  return pairs.reduce((each, [from, to]) => each.replace(from, to), name)
}

/**
 * The transformer of a folder.
 * @param style Tencent's own files, ComfyUI's repackaged ones, which join all projections, or those that ComfyUI saves
 */
export function originalTransformer(folder: string, style: 'tencent' | 'repackaged' | 'comfy'): Tensors {
  const tensors: Tensors = new Map()
  const joined = new Map<string, Tensor[]>()
  for (const [name, each] of readFixtureTensors(path.join(folder, 'diffusion_pytorch_model.safetensors'))) {
    const key = rename(name, tencent)
    const value = key.startsWith('final_layer.adaLN_modulation') ? halvesSwapped(each) : each
    const found = projections.find(([pattern]) => pattern.test(key))
    if (!found) {
      tensors.set(key, value)
      continue
    }
    const [pattern, to, always] = found
    const [, , letter = ''] = pattern.exec(key)!
    const together = always || style !== 'tencent'
    const renamed = key.replace(pattern, `${to}${together ? 'qkv' : letter}.`)
    if (!together) tensors.set(renamed, value)
    const parts = joined.get(renamed) ?? []
    parts['qkv'.indexOf(letter)] = value
    if (together) joined.set(renamed, parts)
  }
  for (const [key, parts] of joined) tensors.set(key, rowsJoined(parts))
  if (style !== 'comfy') return tensors
  return new Map([...tensors].map(([key, each]) => [`model.model.${rename(key, comfy)}`, each]))
}

export function originalVae(folder: string): Tensors {
  const tensors = readFixtureTensors(path.join(folder, 'diffusion_pytorch_model.safetensors'))
  return new Map([...tensors].map(([key, each]) => [rename(key, vae), each]))
}

/** The text encoder as ComfyUI has it: below `model.`, with a head and a part for pictures. */
export function originalQwen(folder: string): Tensors {
  const tensors = readFixtureTensors(path.join(folder, 'model.safetensors'))
  const named = [...tensors].map(([key, each]) => [`model.${key}`, each] as const)
  const unused = tensor('f32', [1, 2], Float32Array.of(1, 2))
  return new Map([...named, ['lm_head.weight', unused], ['visual.patch_embed.proj.weight', unused]])
}

/** What Tencent's config.json says beside the transformer; the size of the small models is none of theirs. */
export function tencentConfig(folder: string, task: 't2v' | 'i2v'): string {
  const config = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as Record<string, number>
  return JSON.stringify({
    _class_name: 'HunyuanVideo_1_5_DiffusionTransformer',
    hidden_size: config.num_attention_heads! * config.attention_head_dim!,
    heads_num: config.num_attention_heads,
    rope_dim_list: config.rope_axes_dim,
    rope_theta: config.rope_theta,
    ideal_resolution: '480p',
    ideal_task: task,
    target_size: config.target_size,
  })
}

function halvesSwapped({ dtype, shape, data }: Tensor): Tensor {
  const half = data.length / 2
  const values = data as Float32Array
  return tensor(dtype, shape, Float32Array.from([...values.subarray(half), ...values.subarray(0, half)]))
}

function rowsJoined(parts: readonly Tensor[]): Tensor {
  const [first] = parts
  const values = parts.flatMap(({ data }) => [...(data as Float32Array)])
  return tensor('f32', [first!.shape[0]! * parts.length, ...first!.shape.slice(1)], Float32Array.from(values))
}
