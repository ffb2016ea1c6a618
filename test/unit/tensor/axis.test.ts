import { describe, expect, test } from 'vitest'
import { concatenate, sliceAxis } from '../../../src/tensor/axis.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'

const numbers = tensor('f32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))
/** Of a clip that is only planned: 1.5 TB if it had data. */
const shapeAlone: Tensor = { dtype: 'f32', shape: [384, 1000, 1000, 1000], data: new Float32Array() }

describe('along an axis', () => {
  test('entries are cut and joined', () => {
    const [first, rest] = [sliceAxis(numbers, 1, 0, 1), sliceAxis(numbers, 1, 1, 3)]
    expect(rest).toEqual(tensor('f32', [2, 2], Float32Array.of(2, 3, 5, 6)))
    expect(concatenate([first, rest], 1)).toEqual(numbers)
  })

  test('what has a shape and no data is cut and joined to shapes', () => {
    const part = sliceAxis(shapeAlone, 2, 5, 12)
    expect(part).toEqual({ dtype: 'f32', shape: [384, 1000, 7, 1000], data: new Float32Array() })
    const joined = concatenate([part, part], 1)
    expect(joined).toEqual({ dtype: 'f32', shape: [384, 2000, 7, 1000], data: new Float32Array() })
  })
})
