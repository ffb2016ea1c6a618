import { parseSize } from '../geometry/parse-size.ts'
import type { Symbols } from '../graph/cost.ts'
import { dryRunDecoding, dryRunDenoising } from '../pipeline/dry-run.ts'
import type { Mode, ModelFacts } from '../pipeline/family.ts'
import { type GeneratePlan, type GenerateRequest, planRequest } from '../pipeline/request.ts'
import type { Checkpoint } from './checkpoint.ts'
import { graphSource } from './graph-source.ts'

export interface ClipSize {
  /** Such as `832x480`. @default the model's own */
  readonly size?: string | undefined
  /** @default the model's own */
  readonly frames?: number | undefined
}

/**
 * A clip of a size, with a prompt as long as the model reads and something for every mode that it cannot do without;
 * nothing is read.
 * @throws RequestError for a size that the model cannot make
 */
export function planClip({ fields, model }: Checkpoint, { size, frames }: ClipSize): GeneratePlan {
  const { facts } = model
  const prompt = 'word '.repeat(facts.textTokens)
  const request = {
    prompt,
    negativePrompt: prompt,
    ...required(facts),
    ...(size !== undefined && parseSize(size)),
    ...(frames !== undefined && { frames }),
  }
  return planRequest(request, facts, { fields, randomSeed: () => 0n })
}

/**
 * The sizes of the symbols of every graph that makes such a clip, decoded a latent frame at a time. A graph that runs with
 * several, or not at all, is not among them.
 */
export async function clipSymbols(
  checkpoint: Checkpoint,
  clip: ClipSize,
): Promise<ReadonlyMap<string, Symbols>> {
  const plan = planClip(checkpoint, clip)
  const source = graphSource(checkpoint, { device: { type: 'cpu' }, requested: undefined })
  const runs = [
    ...(await dryRunDenoising(checkpoint.model, plan, source, 1)),
    ...(await dryRunDecoding(checkpoint.model, plan, source, {
      residency: 'keep',
      chunk: 1,
      tile: undefined,
    })),
  ]
  const found = new Map<string, Symbols>()
  const several = new Set<string>()
  for (const { graph, symbols } of runs) {
    const before = found.get(graph)
    if (before && JSON.stringify(before) !== JSON.stringify(symbols)) several.add(graph)
    found.set(graph, symbols)
  }
  for (const graph of several) found.delete(graph)
  return found
}

/** Something for every mode that the model cannot do without, and a last frame to a first one. */
function required({ requires, modes }: ModelFacts): Partial<GenerateRequest> {
  const last = requires.includes('image') && modes.includes('last-image') ? (['last-image'] as const) : []
  const fields: Readonly<Record<Mode, Partial<GenerateRequest>>> = {
    text: {},
    image: { image: 'a picture' },
    'last-image': { lastImage: 'a picture' },
    keyframes: { keyframes: [{ frame: 0, path: 'a picture' }] },
    video: { video: 'a clip', strength: 1 },
    control: { video: 'a clip' },
    references: { references: ['a picture'] },
  }
  return Object.assign({}, ...[...requires, ...last].map(mode => fields[mode])) as Partial<GenerateRequest>
}
