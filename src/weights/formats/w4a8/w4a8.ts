/**
 * ComfyUI's `asym_w4a8_int8`: codes of 4 bits, the even column in the low half of a byte, that stand for 8-bit integers:
 * the code's entry in a codebook times a scale of its group, rounded. A row's scale makes floats of them, and the columns
 * are rotated (comfy-kitchen, `backends/eager/w4a8_int8.py`).
 */
import type { Encoding } from '../../../graph/encoding.ts'
import { cast } from '../../../graph/ops/cast.ts'
import { computedAfter } from '../../../graph/ops/computed-after.ts'
import { add, clip, multiply, round } from '../../../graph/ops/elementwise.ts'
import { reshape, transpose, unsqueeze } from '../../../graph/ops/layout.ts'
import { bytesPerElement } from '../../../tensor/dtype.ts'
import type { TensorLocation } from '../../tensor-location.ts'
import type { LayerFormat } from '../layer-format.ts'
import { codeTable, decodeCodes, offsetCodes } from '../packed-codes.ts'
import { rotationSize, unrotated } from '../rotation.ts'
import { columnOf, floats, packedMatrix, requireFinite, storedAs, unusable } from '../scales.ts'
import { type StoredScales, verifyScales } from '../verify-scales.ts'
import { wholeEncoding } from '../whole-encoding.ts'

export const w4a8: LayerFormat = {
  markers: ['asym_w4a8_int8'],
  matches: () => false,
  async read(layer) {
    const { weight, beside } = layer
    const [rows, columns] = packedMatrix(weight)
    const relative = beside('weight_s_rel')
    const channel = beside('weight_s_channel')
    const codebook = beside('weight_codebook')
    const correction = beside('weight_correction')
    if (!relative || !channel)
      throw unusable(weight, 'weight_s_rel and weight_s_channel beside it', 'not both')
    const groups = groupsOf(relative, rows, columns)
    if (codebook && (codebook.dtype !== 'f32' || codebook.bytes !== 64)) {
      throw unusable(codebook, 'f32 [16]', storedAs(codebook))
    }
    if (correction && `${correction.shape}` !== `${[groups, rows]}`) {
      throw unusable(correction, `[${groups}, ${rows}]`, `[${correction.shape.join(', ')}]`)
    }
    for (const each of [codebook, correction]) if (each) await requireFinite(each)
    const parts: Parts = {
      weight,
      relative: relative.dtype === 'u8' ? { ...relative, dtype: 'f8e4m3' } : relative,
      channel: await columnOf(channel, rows),
      codebook,
      correction,
      size: [rows, columns, groups],
      rotation: rotationSize(layer, columns),
    }
    return { ...weight, dtype: 'f32', shape: [rows, columns], encoding: encodingOf(parts) }
  },
}

interface Parts {
  readonly weight: TensorLocation
  readonly relative: TensorLocation
  /** f32 [rows, 1] */
  readonly channel: TensorLocation
  /** f32 [16] @default −8 to 7 */
  readonly codebook: TensorLocation | undefined
  /** What is added to a group's elements: [groups, rows]. */
  readonly correction: TensorLocation | undefined
  readonly size: readonly [rows: number, columns: number, groups: number]
  readonly rotation: number
}

const scaleTypes = ['f8e4m3', 'u8', ...floats]

function groupsOf(relative: TensorLocation, rows: number, columns: number): number {
  const [first, groups = 0] = relative.shape
  const fits = relative.shape.length === 2 && first === rows && groups > 0 && columns % groups === 0
  if (fits && scaleTypes.includes(relative.dtype)) return groups
  const expected = `f8e4m3 [${rows}, groups of ${columns} columns]`
  throw unusable(relative, expected, storedAs(relative))
}

function encodingOf({ weight, relative, channel, codebook, correction, size, rotation }: Parts): Encoding {
  const [rows, columns, groups] = size
  const decode: Encoding['decode'] = (graph, key, after) => {
    const values = codebook ? graph.weight(`${key}.codebook`, codebook, [16]) : codeTable(graph, offsetCodes)
    const codes = decodeCodes(graph, key, { codes: { weight, even: 'low' }, values, after })
    const grouped = reshape(codes, [rows, groups, columns / groups])
    const scales = cast(computedAfter(graph.weight(`${key}.relative`, relative), after), 'f32') // [rows, groups]
    const whole = clip(round(multiply(grouped, unsqueeze(scales, 2))), -127, 127)
    const floats = multiply(whole, graph.weight(`${key}.channel`, channel, [rows, 1, 1]))
    const shifts =
      correction && cast(computedAfter(graph.weight(`${key}.correction`, correction), after), 'f32')
    const shifted = shifts ? add(floats, unsqueeze(transpose(shifts, [1, 0]), 2)) : floats
    return unrotated(reshape(shifted, [rows, columns]), rotation)
  }
  return wholeEncoding({
    name: 'W4A8 ConvRot',
    decode,
    verify: () =>
      verifyScales({
        tensor: relative,
        type: relative.dtype as StoredScales['type'],
        stride: bytesPerElement(relative.dtype),
      }),
  })
}
