/**
 * 8-bit integers or floats times a scale of their row, as optimum-quanto's `QModuleMixin` saves them: `<layer>.weight._data` and
 * `<layer>.weight._scale` (`WeightQBytesTensor`), which Wan2GP's files have too.
 */
import type { TensorLocation } from '../../tensor-location.ts'
import type { LayerFormat } from '../layer-format.ts'
import { float8Names, isFloat8, scaledEncoding } from '../scaled-encoding.ts'
import { readScales, storedAs, unusable } from '../scales.ts'

export const quanto: LayerFormat = {
  markers: [],
  methods: ['quanto'],
  suffix: 'weight._data',
  matches: () => true,
  async read({ weight, beside }) {
    const { dtype } = weight
    if (dtype !== 'i8' && !isFloat8(dtype))
      throw unusable(weight, '8-bit integers or floats', storedAs(weight))
    const scale = beside('weight._scale')
    if (!scale) throw unusable(weight, 'a tensor weight._scale beside it', 'none')
    checkRows(scale, weight)
    const scales = await readScales(scale, weight.shape)
    const name = isFloat8(dtype) ? `q${float8Names[dtype]}` : 'qint8'
    return { ...weight, dtype: 'f32', encoding: scaledEncoding(name, { ...weight, dtype }, scales) }
  },
}

/** A layer with one row has one scale without axes. */
function checkRows(scale: TensorLocation, weight: TensorLocation): void {
  if (weight.shape.length < 2)
    throw unusable(weight, 'a matrix, or the kernel of a convolution', storedAs(weight))
  const [rows] = weight.shape
  const [count = 1, ...rest] = scale.shape
  if ((count === 1 || count === rows) && rest.every(dim => dim === 1)) return
  throw unusable(scale, `one scale for each of ${rows} rows, or one`, storedAs(scale))
}
