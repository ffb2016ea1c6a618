/** The coders of causal video autoencoders: a graph for the first chunk of a clip, and one for every later one. */
import type { Graph, Value } from '../graph/graph.ts'
import { cast } from '../graph/ops/cast.ts'
import type { Scope, WeightSource } from '../graph/scope.ts'
import type { FloatDType } from '../tensor/dtype.ts'
import { type CausalCaches, type Chunk, chunkGraph, type Surroundings } from './causal-conv.ts'

/** What graphs are built for: the kernels that they may use. */
interface CoderTarget {
  readonly kernels?: ReadonlySet<string>
}

/** The graph of a coder for a chunk. */
export type CoderGraph<Config> = (
  config: Config,
  weights: WeightSource,
  precision: FloatDType,
  chunk: Chunk,
  target?: CoderTarget,
) => Graph

/** A coder, by the name that its graphs begin with, and what else is said of them. */
export interface Coder<Config> {
  readonly name: string
  /** The tensors that its graphs use. */
  readonly part: { readonly name: string; readonly tensors: RegExp }
  readonly coder: CoderGraph<Config>
}

export interface DecoderParts<Config> {
  /** In which all pixels of a picture see each other: the input `latents` → [frames, width, h, w]. */
  stem(scope: Scope, config: Config, caches: CausalCaches): Value
  /** In which a pixel sees its surroundings alone: [frames, width, h, w] → the outputs `frames` and `decoded`. */
  rest(scope: Scope, features: Value, config: Config, caches: CausalCaches): void
  width(config: Config): number
  readonly surroundings: Surroundings
  /** The tensors that both use. */
  readonly tensors: RegExp
}

/**
 * A decoder, whole and in its two parts, for pictures that are decoded in tiles: what goes from one to the other is
 * `features` f32 [frames, width, h, w].
 */
export function causalDecoder<Config>({ surroundings, tensors, ...parts }: DecoderParts<Config>) {
  const whole: CoderGraph<Config> = (config, weights, precision, chunk, { kernels } = {}) => {
    const options = { kernels, surroundings }
    const { graph, scope, caches } = chunkGraph('vae-decoder', weights, precision, chunk, options)
    parts.rest(scope, parts.stem(scope, config, caches), config, caches)
    return graph
  }
  const stem: CoderGraph<Config> = (config, weights, precision, chunk, { kernels } = {}) => {
    const options = { kernels, surroundings }
    const { graph, scope, caches } = chunkGraph('vae-decoder-stem', weights, precision, chunk, options)
    graph.output('features', cast(parts.stem(scope, config, caches), 'f32'))
    return graph
  }
  const rest: CoderGraph<Config> = (config, weights, precision, chunk, { kernels } = {}) => {
    const options = { kernels, surroundings }
    const { graph, scope, caches } = chunkGraph('vae-decoder-rest', weights, precision, chunk, options)
    const shape = [chunk === 'first' ? 1 : 'frames', parts.width(config), 'height', 'width']
    parts.rest(scope, cast(graph.input('features', 'f32', shape), precision), config, caches)
    return graph
  }
  const tiles = { name: 'tiles', tensors }
  const coders: readonly Coder<Config>[] = [
    { name: 'vae-decoder', part: { name: 'decoder', tensors }, coder: whole },
    { name: 'vae-decoder-stem', part: tiles, coder: stem },
    { name: 'vae-decoder-rest', part: tiles, coder: rest },
  ]
  return { whole, coders }
}

/** The names of a coder's graphs. */
export function chunkNames(coder: string): Record<Chunk, string> {
  return { first: `${coder}-first`, next: `${coder}-next` }
}

/** The recipes of the graphs of a VAE's coders. */
export function coderRecipes<Config, Each extends Coder<Config>>(config: Config, coders: readonly Each[]) {
  return (['first', 'next'] as const).flatMap(chunk => {
    return coders.map(({ name, coder, ...about }) => ({
      ...about,
      name: chunkNames(name)[chunk],
      component: 'vae',
      role: 'vae' as const,
      build: (weights: WeightSource, precision: FloatDType, target?: CoderTarget) =>
        coder(config, weights, precision, chunk, target),
    }))
  })
}
