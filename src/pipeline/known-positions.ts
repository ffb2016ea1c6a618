import type { Sampler } from '../sampling/samplers/sampler.ts'
import { stepTokens } from '../sampling/samplers/step-tokens.ts'
import type { Schedule } from '../sampling/schedules/schedule.ts'
import type { NoiseGenerator } from '../tensor/random.ts'
import type { StateArrays } from '../tensor/state-arrays.ts'
import type { KnownPositions, StreamConditioning } from './family.ts'
import { positionCount } from './velocity.ts'

/** A step of one stream: what is done to its positions before and after the network. */
export interface PositionRule<V> {
  /** Arrays that it needs in every step. */
  readonly arrays: readonly V[]
  /** The timestep of every position. */
  timesteps(timestep: number): Float32Array
  /** What the network is shown of the latents. */
  shown(latents: V, level: number, noise: NoiseGenerator): V
  /** The velocity that leads to denoised latents which are mixed with the clean ones. */
  pulled(velocity: V, latents: V, sigma: number): V
  /** Steps every position on its own; undefined where the sampler steps them together. */
  readonly step: ((state: PositionStep<V>) => Promise<V>) | undefined
  /** The latents after the last step. */
  final(latents: V): V
}

export interface PositionStep<V> {
  /** What the network was shown. */
  readonly latents: V
  readonly velocity: V
  /** Of every position. */
  readonly timesteps: Float32Array
  /** Noise level of the run, from 0 to 1. */
  readonly level: number
  readonly sampler: Sampler
  readonly schedule: Schedule
}

/** Noise levels closer than this are equal (diffusers' tolerance). */
const tolerance = 1e-6

/** What `KnownPositions` asks for, on the arrays of a stream's state. */
export function knownPositions<V>(
  arrays: StateArrays<V>,
  { shape, known }: Pick<StreamConditioning, 'shape'> & { readonly known: KnownPositions },
  { trainTimesteps }: Pick<Schedule, 'trainTimesteps'>,
): PositionRule<V> {
  const positions = positionCount({ shape, known })
  const { shown, shownNoise = 0, share, limit, pull } = known
  const size = sizeOf(shape, positions)
  const upload = (list: Float32Array | undefined) => list && arrays.upload(spread(list, size))
  const clean = shown || pull ? arrays.upload(known.latents) : undefined
  const [shownMask, pullMask] = [upload(shown), upload(pull)]
  const put = (latents: V, over: V | undefined) => {
    return over === undefined || shownMask === undefined ? latents : arrays.mix(latents, over, shownMask)
  }
  return {
    arrays: [clean, shownMask, pullMask].filter(array => array !== undefined),
    timesteps(timestep) {
      return Float32Array.from({ length: positions }, (_, at) =>
        Math.min(timestep * (share?.[at] ?? 1), (limit?.[at] ?? 1) * trainTimesteps),
      )
    },
    shown(latents, level, noise) {
      if (shownNoise === 0) return put(latents, clean)
      return put(latents, arrays.upload(noised(known.latents, shownNoise * level ** 2, noise, size)))
    },
    pulled(velocity, latents, sigma) {
      if (pullMask === undefined || clean === undefined) return velocity
      const towardsClean = arrays.combination([
        [1 / sigma, latents],
        [-1 / sigma, clean],
      ])
      return arrays.mix(velocity, towardsClean, pullMask)
    },
    step: limit && (state => stepApart(arrays, limit, size, state)),
    final: latents => (limit ? latents : put(latents, clean)),
  }
}

/** The axes of a stream's latents as positions divide them: [channels, positions, inner]. */
interface PositionSize {
  readonly channels: number
  readonly positions: number
  readonly inner: number
}

function sizeOf([channels, ...rest]: readonly number[], positions: number): PositionSize {
  const cells = rest.reduce((product, dim) => product * dim, 1)
  return { channels: channels!, positions, inner: cells / positions }
}

/** A value for every position, in the shape of the latents. */
function spread(list: Float32Array, { channels, positions, inner }: PositionSize): Float32Array {
  const result = new Float32Array(channels * positions * inner)
  for (let row = 0; row < channels * positions; row++) {
    result.fill(list[row % positions]!, row * inner, (row + 1) * inner)
  }
  return result
}

/**
 * Clean latents with fresh noise on them, less and less with the steps: it helps motion go on from a still picture
 * (diffusers `add_noise_to_image_conditioning_latents`). The draw is [cells, channels].
 */
function noised(
  clean: Float32Array,
  scale: number,
  generator: NoiseGenerator,
  { channels, positions, inner }: PositionSize,
): Float32Array {
  const noise = generator.randn(clean.length)
  const cells = positions * inner
  return clean.map((value, at) => value + scale * noise[(at % cells) * channels + Math.floor(at / cells)]!)
}

/** A step in which every position is at its own level; those that are at their limit still stay as they are. */
async function stepApart<V>(
  arrays: StateArrays<V>,
  limit: Float32Array,
  size: PositionSize,
  { latents, velocity, timesteps, level, sampler, schedule }: PositionStep<V>,
): Promise<V> {
  const before = await arrays.download(latents)
  const change = positionsFirst(await arrays.download(velocity), size)
  const tokens = { latents: positionsFirst(before, size), velocity: change, timesteps, schedule }
  const stepped = stepTokens(sampler, tokens)
  const { channels, positions, inner } = size
  const result = before.slice()
  for (let position = 0; position < positions; position++) {
    if (!(level - tolerance < limit[position]!)) continue
    for (let channel = 0; channel < channels; channel++) {
      const from = (position * channels + channel) * inner
      result.set(stepped.subarray(from, from + inner), (channel * positions + position) * inner)
    }
  }
  return arrays.upload(result)
}

/** [channels, positions, inner] → [positions, channels, inner]. */
function positionsFirst(source: Float32Array, { channels, positions, inner }: PositionSize): Float32Array {
  const result = new Float32Array(source.length)
  for (let row = 0; row < channels * positions; row++) {
    const to = (row % positions) * channels + Math.floor(row / positions)
    result.set(source.subarray(row * inner, (row + 1) * inner), to * inner)
  }
  return result
}
