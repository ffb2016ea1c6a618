/** How a video is made in the memory there is. */
import type { LatentSize } from '../geometry/video-geometry.ts'
import type { GraphRecipe, ModelFacts } from './family.ts'
import { tileOverlap } from './tiles.ts'

/** What stays loaded after use: everything; all but the encoders of prompts and pictures; nothing but what is in use. */
export const residencies = ['keep', 'release-text', 'release'] as const

export type Residency = (typeof residencies)[number]

export interface MemoryPlan {
  readonly residency: Residency
  /** Latent frames that are encoded or decoded at a time. */
  readonly chunk: number
  /** Side of the tiles that pictures are decoded in, in latents; undefined for whole pictures. */
  readonly tile: number | undefined
}

/** Whether a plan closes the session of a graph (`open`) before it runs another one. */
export function shouldEvict(
  residency: Residency,
  running: Pick<GraphRecipe, 'component' | 'role'>,
  open: Pick<GraphRecipe, 'component' | 'role'>,
): boolean {
  if (residency === 'keep' || open.component === running.component) return false
  return residency === 'release' || (open.role === 'text-encoder' && running.role !== 'text-encoder')
}

/** How a plan is told to people: `everything stays loaded; 4 latent frames decoded at a time, in tiles of 32x32`. */
export function planText({ residency, chunk, tile }: MemoryPlan): string {
  const kept = {
    keep: 'everything stays loaded',
    'release-text': 'encoders of text and pictures are released',
    release: 'one component is loaded at a time',
  }[residency]
  const tiles = tile === undefined ? '' : `, in tiles of ${tile}x${tile}`
  return `${kept}; ${chunk} latent ${chunk === 1 ? 'frame' : 'frames'} decoded at a time${tiles}`
}

/** Sides of tiles, in latents, from the fastest to the smallest. */
const tileSides = [64, 48, 32, 24, 16, 12] as const

/**
 * The plans for a size, each smaller and slower than the one before: components are let go, then fewer frames are decoded
 * at a time, then pictures in tiles.
 * @param chunk latent frames that are decoded at a time where memory does not matter
 * @param allowed residencies, from the one that keeps most
 */
export function memoryPlans(
  { decoder, tiledDecoder }: Pick<ModelFacts, 'decoder' | 'tiledDecoder'>,
  { latentHeight, latentWidth }: LatentSize,
  chunk: number,
  allowed: readonly Residency[] = residencies,
): MemoryPlan[] {
  const residency = allowed.at(-1) ?? 'release'
  const fixed = 'chunk' in decoder ? decoder.chunk : undefined
  const chunks = fixed === undefined ? [2, 1].filter(each => each < chunk) : []
  const sides = tileSides.filter(side => {
    return side < Math.max(latentHeight, latentWidth) && side >= 2 * tileOverlap(tiledDecoder)
  })
  const largest = fixed ?? chunk
  const smallest = chunks.at(-1) ?? largest
  return [
    ...allowed.map(each => ({ residency: each, chunk: largest, tile: undefined })),
    ...chunks.map(each => ({ residency, chunk: each, tile: undefined }) as const),
    ...sides.map(tile => ({ residency, chunk: smallest, tile }) as const),
  ]
}
