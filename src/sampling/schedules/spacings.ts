/** Noise levels that pipelines hand to their schedulers, before the shift. */
import { linspace } from '../../tensor/arithmetic.ts'

/** Sigmas from 1 down to 1/steps in even steps: the sigmas that LTX pipelines pass on. */
export function linearSigmas(steps: number): number[] {
  return linspace(1, 1 / steps, steps)
}

/**
 * Sigmas that fall slowly and evenly from 1 to 0.975 in the first half and along a parabola towards 0 in the second
 * (Movie Gen, https://arxiv.org/abs/2410.13720, 3.4; `linear_quadratic_schedule` of diffusers' LTXConditionPipeline).
 */
export function linearQuadraticSigmas(steps: number): number[] {
  if (steps < 2) return [1]
  const threshold = 0.025
  const linearSteps = Math.floor(steps / 2)
  const quadraticSteps = steps - linearSteps
  const rest = linearSteps - threshold * steps
  const quadratic = rest / (linearSteps * quadraticSteps ** 2)
  const linear = threshold / linearSteps - (2 * rest) / quadraticSteps ** 2
  const constant = quadratic * linearSteps ** 2
  return Array.from({ length: steps }, (_, i) =>
    Math.fround(
      1 - (i < linearSteps ? (i * threshold) / linearSteps : quadratic * i ** 2 + linear * i + constant),
    ),
  )
}
