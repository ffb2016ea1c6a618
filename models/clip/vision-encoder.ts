/**
 * CLIP's vision transformer (Radford et al. 2021; transformers `modeling_clip.py`), up to the layer before the last:
 * its hidden states carry more of the picture than the last layer's, which were trained for one pooled vector. Video
 * models take them as they are, without the final norm.
 *
 *   pixels [images, channels, size, size] ── patches, class token, positions ──▶ [images, tokens, model]
 *     ── norm ── (layers − 1) × (norm → attention; norm → MLP) ──▶ [images, tokens, model], tokens = 1 + patches
 */
import { Graph, type Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { gelu, quickGelu } from '../../src/graph/ops/activation.ts'
import { attention } from '../../src/graph/ops/attention.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import { concat, expandLike, reshape, slice, transpose } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { linear } from '../../src/nn/linear.ts'
import { layerNormLayer } from '../../src/nn/normalization.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import type { ClipVisionConfig } from './config.ts'

/** Checkpoints of transformers before version 5 keep the network under this name. */
const outerName = 'vision_model'

/**
 * Input: `pixels` f32 [images, channels, size, size], resized, cropped and normalised as the checkpoint's image
 * processor does it. Output: `embeddings` f32 [images, tokens, model], transformers' `hidden_states[-2]`.
 */
export function clipVisionEncoder(
  config: ClipVisionConfig,
  weights: WeightSource,
  precision: FloatDType,
): Graph {
  return visionGraph(config, weights, precision, visionNetwork)
}

/** The graph of a network that makes `embeddings` f32 [images, tokens, model] of `pixels` f32 [images, channels, size, size]. */
export function visionGraph<Config extends Pick<ClipVisionConfig, 'image_size' | 'num_channels'>>(
  config: Config,
  weights: WeightSource,
  precision: FloatDType,
  network: (scope: Scope, pixels: Value, config: Config) => Value,
): Graph {
  const graph = new Graph('image-encoder', { precision })
  const scope = new Scope(graph, weights)
  const size = config.image_size
  const pixels = graph.input('pixels', 'f32', ['images', config.num_channels, size, size])
  const inside = (root: Scope) => network(root, cast(pixels, precision), config)
  const nested = weights.has(`${outerName}.embeddings.patch_embedding.weight`)
  graph.output('embeddings', cast(nested ? scope.in(outerName, inside) : inside(scope), 'f32'))
  return graph
}

/** Tensors that a checkpoint may hold and the encoder leaves out: all that comes after the layer before the last. */
export function clipVisionIgnored(config: ClipVisionConfig): RegExp[] {
  return [
    new RegExp(`^(${outerName}\\.)?encoder\\.layers\\.${config.num_hidden_layers - 1}\\.`),
    new RegExp(`^(${outerName}\\.)?post_layernorm\\.`),
    new RegExp(`^(${outerName}\\.)?embeddings\\.position_ids$`),
    /^visual_projection\./,
  ]
}

function visionNetwork(scope: Scope, pixels: Value, config: ClipVisionConfig): Value {
  const embedded = scope.in('embeddings', embeddings => tokenEmbeddings(embeddings, pixels, config))
  // The misspelling is the checkpoints' own.
  let x = layerNormLayer(scope, 'pre_layrnorm', embedded, config.layer_norm_eps)
  for (let layer = 0; layer < config.num_hidden_layers - 1; layer++) {
    x = scope.in(`encoder.layers.${layer}`, block => visionLayer(block, x, config))
  }
  return x
}

/** The class token, then the patches row by row, plus positions: [images, 1 + patches, model]. */
function tokenEmbeddings(scope: Scope, pixels: Value, config: ClipVisionConfig): Value {
  const model = config.hidden_size
  const patches = patchEmbedding(scope, pixels, config) // [images, patches, model]
  const classToken = scope.weight('class_embedding', [model], { as: [1, 1, model] })
  const tokens = concat([expandLike(classToken, slice(patches, 1, 0, 1)), patches], 1) // [images, 1 + patches, model]
  const count = (config.image_size / config.patch_size) ** 2 + 1
  return add(tokens, scope.weight('position_embedding.weight', [count, model]))
}

interface PatchConfig
  extends Pick<ClipVisionConfig, 'num_channels' | 'patch_size' | 'hidden_size' | 'image_size'> {
  /** Whether the convolution has a bias. @default false */
  readonly bias?: boolean
}

/**
 * A convolution whose stride is its kernel is a linear layer over the pixels of a patch: [images, channels, size, size] →
 * [images, patches, model]. Pixels beyond the last whole patch are left out.
 */
export function patchEmbedding(scope: Scope, pixels: Value, config: PatchConfig): Value {
  const { num_channels: channels, patch_size: patch, hidden_size: model, bias = false } = config
  const perSide = Math.floor(config.image_size / patch)
  const covered = [2, 3].reduce((x, axis) => {
    return dimAt(x, axis) === perSide * patch ? x : slice(x, axis, 0, perSide * patch)
  }, pixels)
  const cut = reshape(covered, ['=', channels, perSide, patch, perSide, patch]) // [images, channels, rows, patch, columns, patch]
  const patches = transpose(cut, [0, 2, 4, 1, 3, 5]) // [images, rows, columns, channels, patch, patch]
  const rows = reshape(patches, ['=', perSide * perSide, channels * patch * patch]) // [images, patches, channels·patch²]
  return linear(scope, 'patch_embedding', rows, model, {
    bias,
    stored: [model, channels, patch, patch],
  })
}

interface LayerConfig
  extends Pick<
    ClipVisionConfig,
    'hidden_size' | 'intermediate_size' | 'num_attention_heads' | 'layer_norm_eps'
  > {
  readonly hidden_act: ClipVisionConfig['hidden_act'] | 'gelu_pytorch_tanh'
}

/** A layer of a vision transformer: [images, tokens, model] → the same. */
export function visionLayer(scope: Scope, x: Value, config: LayerConfig): Value {
  const normalized = layerNormLayer(scope, 'layer_norm1', x, config.layer_norm_eps)
  const attended = add(
    x,
    scope.in('self_attn', attn => selfAttention(attn, normalized, config)),
  )
  const mlpInput = layerNormLayer(scope, 'layer_norm2', attended, config.layer_norm_eps)
  return add(
    attended,
    scope.in('mlp', mlp => feedForward(mlp, mlpInput, config)),
  )
}

function selfAttention(scope: Scope, x: Value, config: LayerConfig): Value {
  const model = config.hidden_size
  const project = (name: string) => linear(scope, name, x, model) // [images, tokens, model]
  const mixed = attention(project('q_proj'), project('k_proj'), project('v_proj'), {
    heads: config.num_attention_heads,
  })
  return linear(scope, 'out_proj', mixed, model)
}

function feedForward(scope: Scope, x: Value, config: LayerConfig): Value {
  const hidden = linear(scope, 'fc1', x, config.intermediate_size) // [images, tokens, intermediate]
  return linear(scope, 'fc2', activations[config.hidden_act](hidden), config.hidden_size)
}

const activations: Readonly<Record<LayerConfig['hidden_act'], (x: Value) => Value>> = {
  gelu: x => gelu(x, 'none'),
  gelu_pytorch_tanh: x => gelu(x, 'tanh'),
  quick_gelu: quickGelu,
}
