import type { Value } from '../graph.ts'
import { requireFloat } from '../operand.ts'

/** x · sigmoid(x). Emitted as QuickGelu with alpha 1, which is one kernel on every provider; Swish is not. */
export function silu(value: Value): Value {
  return scaledSilu(value, 1)
}

/** x · sigmoid(1.702 x), the approximation of GELU that the first CLIP models were trained with. */
export function quickGelu(value: Value): Value {
  return scaledSilu(value, 1.702)
}

/** 1 / (1 + e^(−x)). */
export function sigmoid(value: Value): Value {
  requireFloat('Sigmoid', value)
  return value.graph.add({ op: 'Sigmoid', inputs: [value] }, value.dtype, value.shape)
}

/** Gaussian error linear unit (Hendrycks & Gimpel 2016): exact, or its tanh approximation. */
export function gelu(value: Value, approximate: 'none' | 'tanh'): Value {
  requireFloat('Gelu', value)
  const attributes = { approximate: { string: approximate } }
  return value.graph.add({ op: 'Gelu', inputs: [value], attributes }, value.dtype, value.shape)
}

/** x where it is positive, slope · x elsewhere (Maas et al. 2013). */
export function leakyRelu(value: Value, slope: number): Value {
  requireFloat('LeakyRelu', value)
  const attributes = { alpha: { float: slope } }
  return value.graph.add({ op: 'LeakyRelu', inputs: [value], attributes }, value.dtype, value.shape)
}

/** The hyperbolic tangent. */
export function tanh(value: Value): Value {
  requireFloat('Tanh', value)
  return value.graph.add({ op: 'Tanh', inputs: [value] }, value.dtype, value.shape)
}

/** x · sigmoid(alpha · x). */
function scaledSilu(value: Value, alpha: number): Value {
  requireFloat('QuickGelu', value)
  const attributes = { alpha: { float: alpha } }
  return value.graph.add(
    { op: 'QuickGelu', domain: 'com.microsoft', inputs: [value], attributes },
    value.dtype,
    value.shape,
  )
}
