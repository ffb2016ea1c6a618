import type { DType } from './dtype.ts'
import type { Tensor } from './tensor.ts'

/** A tensor that stays where the session that made it runs, and can be fed to other sessions of the same backend. */
export interface ResidentTensor {
  readonly kind: 'resident'
  readonly id: number
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** What a graph's input takes. */
export type Feed = Tensor | ResidentTensor

export function isResident(feed: Feed): feed is ResidentTensor {
  return 'kind' in feed
}
