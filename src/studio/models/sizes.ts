import type { ModelView, SizeSteps } from '../../server/framewright/contract.ts'

/** The number that a model can make which is nearest to one. */
export function nearest({ first, step, last = Number.POSITIVE_INFINITY }: SizeSteps, value: number): number {
  const rounded = first + Math.round((value - first) / step) * step
  return Math.min(Math.max(rounded, first), last)
}

interface SizePreset {
  readonly name: string
  readonly width: number
  readonly height: number
}

const shapes = [
  ['16:9', 16 / 9],
  ['3:2', 3 / 2],
  ['1:1', 1],
  ['2:3', 2 / 3],
  ['9:16', 9 / 16],
] as const

/** Usual shapes with about as many pixels as the model's own size, and that one. */
export function sizePresets({ defaults, sizes }: ModelView): readonly SizePreset[] {
  const pixels = defaults.width * defaults.height
  const own = defaults.width / defaults.height
  const all = shapes.map(([name, ratio]) => {
    if (Math.abs(ratio / own - 1) < 0.03) return { name, width: defaults.width, height: defaults.height }
    const width = nearest(sizes.width, Math.sqrt(pixels * ratio))
    return { name, width, height: nearest(sizes.height, width / ratio) }
  })
  return all.filter(
    ({ width, height }, at) => all.findIndex(each => each.width === width && each.height === height) === at,
  )
}
