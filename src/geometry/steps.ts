import { RequestError } from '../errors.ts'

/** The sizes first, first + step, …, last. All are positive integers. */
export interface Steps {
  readonly first: number
  readonly step: number
  readonly last: number
}

export function isStep(value: number, { first, step, last }: Steps): boolean {
  return value >= first && value <= last && (value - first) % step === 0
}

/**
 * Checks that a size is one of the steps.
 * @throws RequestError `request/size` that names the nearest ones that are
 */
export function checkStep(subject: string, value: number, steps: Steps): void {
  const { last } = steps
  if (isStep(value, steps)) return
  const expected = value > last ? `at most ${last}` : ruleOf(steps, value)
  throw new RequestError('request/size', {
    subject,
    expected: `${expected} for this model`,
    got: String(value),
    advice: `Use ${nearest(value, steps).join(' or ')}.`,
  })
}

function ruleOf({ first, step }: Steps, value: number): string {
  if (step === 1) return 'a positive integer'
  if (first % step === 0 && first > step) return `a multiple of ${step} from ${first} on`
  if (first !== step) return `${step}k + ${first}`
  return value > 0 ? `a multiple of ${step}` : `a positive multiple of ${step}`
}

/** The steps just below and just above a value. */
function nearest(value: number, { first, step, last }: Steps): number[] {
  if (Number.isNaN(value) || value <= first) return [first]
  if (value >= last) return [last]
  const below = first + Math.floor((value - first) / step) * step
  return [below, below + step]
}
