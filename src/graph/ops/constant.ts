import { toBfloat16Bits, toFloat16Bits } from '../../tensor/float16.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import type { Value } from '../graph.ts'

/** A scalar constant in the dtype of a float value. */
export function scalarLike(value: Value, number: number): Value {
  return value.graph.constant(floatTensor(value, [], [number]))
}

/** A constant that repeats one number, in the dtype of a float value. */
export function filledLike(value: Value, shape: readonly number[], number: number): Value {
  const count = shape.reduce((product, dim) => product * dim, 1)
  return value.graph.constantOnce(`${value.dtype}[${shape}] of ${number}`, () => {
    return floatTensor(value, shape, new Array(count).fill(number))
  })
}

function floatTensor(like: Value, shape: readonly number[], numbers: readonly number[]): Tensor {
  switch (like.dtype) {
    case 'f32':
      return tensor('f32', shape, Float32Array.from(numbers))
    case 'f16':
      return tensor('f16', shape, Uint16Array.from(numbers, toFloat16Bits))
    case 'bf16':
      return tensor('bf16', shape, Uint16Array.from(numbers, toBfloat16Bits))
    default:
      throw like.graph.invalid('constant', 'a float operand', like.dtype)
  }
}
