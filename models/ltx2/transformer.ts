/**
 * The transformer of LTX-2 and LTX-2.3 (HaCohen et al. 2026, "LTX-2: Efficient Joint Audio-Visual Foundation Model"; diffusers
 * `transformer_ltx2.py`): a stream of video tokens and a narrower one of sound, which see each other in every block.
 *
 *   latents [batch, channels, frames, height, width] ── projection ──▶ [batch, frames, height·width, model]
 *   audio.latents [batch, channels, sounds, bins]    ── projection ──▶ [batch, 1, sounds, model]
 *     ── layers × (block.ts) ── adaptive norm, projection ──▶ velocities, in the shapes of the latents
 *
 * Tokens keep their frame axis, so that every latent frame can have a timestep of its own. Frames that stand inside the clip
 * come after it on that axis: only their rotary coordinates say where they belong.
 */
import type { Residual } from '../../kernels/residual-norm/op.ts'
import { type Dim, productOf } from '../../src/graph/dims.ts'
import { Graph, type Value } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import { multiply } from '../../src/graph/ops/elementwise.ts'
import { reshape, reshapeLike, slice, transpose, unsqueeze } from '../../src/graph/ops/layout.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { linear } from '../../src/nn/linear.ts'
import { modulatedProjection } from '../../src/nn/modulation.ts'
import type { RotaryTables } from '../../src/nn/rotary-inputs.ts'
import { timeModulations } from '../../src/nn/timestep.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { blockRows, ltx2Block, type StreamInputs, type Streams } from './block.ts'
import { type Ltx2TransformerConfig, type StreamName, streamPrefixes, widthsOf } from './config.ts'

/** Of the norms before the last projections. */
const outputEpsilon = 1e-6

/** Sinusoids of a timestep. */
const timestepChannels = 256

/**
 * Inputs, of the video and with `audio.` before them of its sound: `latents` f32 [batch, channels, frames, height, width] and
 * [batch, audioChannels, sounds, bins]; `timestep` f32 [batch, frames] and [batch, 1], 0 … 1000; `sigma` f32 [batch, 1], the
 * run's timestep; `cross.timestep`, as `timestep`, by which the attention to the other stream is modulated; `text` f32 [batch,
 * length, model]; `rotary.cos`, `rotary.sin` f32 [batch, tokens, model / 2], and `cross.cos`, `cross.sin` f32 [batch, tokens,
 * audioModel / 2] by time alone, see `rotary.ts`. Further `crossed` f32 [1], 0 where the streams do not see each other, and
 * where blocks can be perturbed `attended` f32 [layers], 0 where tokens keep their own values in place of a self-attention.
 * Outputs: `velocity` and `audio.velocity`, like the latents.
 * @param audioChannels of the latents of the sound; their bins are the rest of a token
 */
export function ltx2Transformer(
  config: Ltx2TransformerConfig,
  audioChannels: number,
  weights: WeightSource,
  precision: FloatDType,
  { kernels }: GraphTarget = {},
): Graph {
  const graph = new Graph('transformer', { precision, kernels })
  const scope = new Scope(graph, weights)
  const latents = graph.input('latents', 'f32', ['batch', config.in_channels, 'frames', 'height', 'width'])
  const bins = config.audio_in_channels / audioChannels
  const sound = graph.input('audio.latents', 'f32', ['batch', audioChannels, 'sounds', bins])
  const pixels = transpose(reshape(latents, ['=', '=', '=', '*']), [0, 2, 3, 1]) // [batch, frames, height·width, channels]
  const rows = transpose(sound, [0, 2, 1, 3]) // [batch, sounds, channels, bins]
  const joined = unsqueeze(reshape(rows, ['=', '=', config.audio_in_channels]), 1) // [batch, 1, sounds, channels·bins]

  const tokens = { video: productOf(['frames', 'height', 'width']), audio: 'sounds' as Dim }
  const inputs = {
    video: streamInputs(scope, 'video', { frames: 'frames', tokens: tokens.video }, config),
    audio: streamInputs(scope, 'audio', { frames: 1, tokens: tokens.audio }, config),
    crossed: graph.input('crossed', 'f32', [1]),
  }
  const attended = config.perturbed_attn ? graph.input('attended', 'f32', [config.num_layers]) : undefined
  const { video: width, audio: audioWidth } = widthsOf(config)
  let x: Streams = {
    video: { rows: linear(scope, 'proj_in', cast(pixels, precision), width) },
    audio: { rows: linear(scope, 'audio_proj_in', cast(joined, precision), audioWidth) },
  }
  for (let layer = 0; layer < config.num_layers; layer++) {
    const share = attended && slice(attended, 0, layer, layer + 1) // [1]
    x = scope.in(`transformer_blocks.${layer}`, block =>
      ltx2Block(block, x, { ...inputs, attended: share }, config),
    )
  }
  const velocity = lastProjection(scope, 'video', x.video, inputs.video.embedding, config) // [batch, frames, height·width, channels]
  graph.output('velocity', reshapeLike(transpose(velocity, [0, 3, 1, 2]), latents))
  const heard = lastProjection(scope, 'audio', x.audio, inputs.audio.embedding, config) // [batch, 1, sounds, channels·bins]
  const apart = reshape(heard, ['=', '*', audioChannels, bins]) // [batch, sounds, channels, bins]
  graph.output('audio.velocity', transpose(apart, [0, 2, 1, 3]))
  return graph
}

type StreamState = StreamInputs & { readonly embedding: Value }

function streamInputs(
  scope: Scope,
  stream: StreamName,
  { frames, tokens }: { readonly frames: Dim; readonly tokens: Dim },
  config: Ltx2TransformerConfig,
): StreamState {
  const { graph } = scope
  const name = (input: string) => (stream === 'video' ? input : `audio.${input}`)
  const prefix = streamPrefixes[stream]
  const width = widthsOf(config)[stream]
  const table = (input: string, pairs: number): RotaryTables => {
    const of = (turn: string) => graph.input(name(`${input}.${turn}`), 'f32', ['batch', tokens, pairs])
    return { cos: of('cos'), sin: of('sin') }
  }
  const timestep = graph.input(name('timestep'), 'f32', ['batch', frames])
  const crossTimestep = graph.input(name('cross.timestep'), 'f32', ['batch', frames])
  const time = modulations(scope, `${prefix}time_embed`, timestep, { width, rows: blockRows(config) })
  const cross = {
    shifts: `av_cross_attn_${stream}_scale_shift`,
    gate: stream === 'video' ? 'av_cross_attn_video_a2v_gate' : 'av_cross_attn_audio_v2a_gate',
  }
  const { cross_attn_timestep_scale_multiplier: gateScale, timestep_scale_multiplier: scale } = config
  const gateTimestep = gateScale === scale ? crossTimestep : multiply(crossTimestep, gateScale / scale)
  return {
    embedding: time.embedding,
    time: time.blocks,
    crossTime: modulations(scope, cross.shifts, crossTimestep, { width, rows: 4 }).blocks,
    crossGate: modulations(scope, cross.gate, gateTimestep, { width, rows: 1 }).blocks,
    prompt: promptModulation(scope, stream, name('sigma'), config),
    text: cast(graph.input(name('text'), 'f32', ['batch', 'length', width]), graph.precision),
    rotary: table('rotary', width / 2),
    crossRotary: table('cross', widthsOf(config).audio / 2),
  }
}

/** What the run's noise level changes in the text, f32 [batch, 2, model]; undefined where nothing does. */
function promptModulation(
  scope: Scope,
  stream: StreamName,
  input: string,
  config: Ltx2TransformerConfig,
): Value | undefined {
  if (!config.cross_attn_mod || !config.use_prompt_adaln_single) return undefined
  const sigma = scope.graph.input(input, 'f32', ['batch', 1])
  const width = widthsOf(config)[stream]
  const { blocks } = modulations(scope, `${streamPrefixes[stream]}prompt_adaln`, sigma, { width, rows: 2 })
  return reshape(blocks, ['=', 2, width])
}

/** The embedding of timesteps [batch, frames, model] and its projection to rows [batch, frames, rows, model], f32. */
function modulations(
  scope: Scope,
  name: string,
  timestep: Value,
  { width, rows }: { readonly width: number; readonly rows: number },
): { embedding: Value; blocks: Value } {
  const layers = { features: timestepChannels, embedder: 'emb.timestep_embedder', projection: 'linear', rows }
  return scope.in(name, embed => timeModulations(embed, timestep, width, layers))
}

/** → f32 [batch, frames, tokens, channels] */
function lastProjection(
  scope: Scope,
  stream: StreamName,
  x: Residual,
  embedding: Value,
  config: Ltx2TransformerConfig,
): Value {
  const channels = stream === 'video' ? config.in_channels : config.audio_in_channels
  const stored = [2, widthsOf(config)[stream]]
  const options = { epsilon: outputEpsilon, stored, prefix: streamPrefixes[stream] }
  return cast(modulatedProjection(scope, x, embedding, channels, options), 'f32')
}
