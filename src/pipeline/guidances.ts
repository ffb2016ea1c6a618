import { createGuidance, type Guidance } from '../sampling/guidance.ts'
import type { Model } from './family.ts'
import type { GeneratePlan } from './request.ts'

/** By expert and stream. */
export function guidancesOf(
  { facts, guide }: Pick<Model, 'facts' | 'guide'>,
  plan: GeneratePlan,
): Guidance[][] {
  const { guidanceInterval: interval, guidanceRescale: rescale, guidanceMethod: method } = plan
  return facts.experts.map((_, expert) => {
    const scale = plan.guidance[expert] ?? plan.guidance.at(-1)!
    const asked = createGuidance({ scale, interval, rescale, method })
    return facts.streams.map((_, stream) => guide?.(asked, { stream, expert, plan }) ?? asked)
  })
}
