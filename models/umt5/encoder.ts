/**
 * The UMT5 encoder (Chung et al. 2023, "UniMax"; transformers `modeling_umt5.py`): T5's, with a relative position
 * bias of its own in every layer.
 */
import type { Graph } from '../../src/graph/graph.ts'
import type { WeightSource } from '../../src/graph/scope.ts'
import type { FloatDType } from '../../src/tensor/dtype.ts'
import { t5Encoder } from '../t5/encoder.ts'
import type { Umt5Config } from './config.ts'

/** Inputs and output are those of {@link t5Encoder}. */
export function umt5Encoder(config: Umt5Config, weights: WeightSource, precision: FloatDType): Graph {
  return t5Encoder(config, weights, precision, { positionBias: 'every-layer' })
}
