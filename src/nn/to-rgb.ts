import type { Value } from '../graph/graph.ts'
import { cast } from '../graph/ops/cast.ts'
import { add, multiply, round } from '../graph/ops/elementwise.ts'
import { transpose } from '../graph/ops/layout.ts'

/** Pictures in [−1, 1] → bytes: f32 [pictures, 3, H, W] → uint8 [pictures, H, W, 3]. */
export function toRgb(pictures: Value): Value {
  const levels = round(add(multiply(pictures, 127.5), 127.5))
  return cast(transpose(levels, [0, 2, 3, 1]), 'u8')
}
