import { describe, expect, test } from 'vitest'
import type { DType } from '../../../src/tensor/dtype.ts'
import { quantizationOf } from '../../../src/weights/quantization.ts'

/** A matrix that every layer has, and tensors beside it. */
function tensors(weight: DType, ...beside: readonly string[]) {
  const keys = [['blocks.0.to_q.weight', weight], ...beside.map(key => [key, 'f32'] as const)] as const
  return new Map(keys.map(([key, dtype]) => [key, { key, dtype, shape: [4, 4] }]))
}

const layer = (name: string) => `blocks.0.to_q.${name}`

describe('the kind of quantisation', () => {
  test.each<[string, DType, string[]]>([
    ['bitsandbytes nf4', 'u8', [layer('weight.absmax'), layer('weight.quant_state.bitsandbytes__nf4')]],
    ['bitsandbytes fp4', 'u8', [layer('weight.absmax'), layer('weight.quant_state.bitsandbytes__fp4')]],
    ['bitsandbytes int8', 'i8', [layer('SCB')]],
    ['scaled fp8', 'f8e4m3', [layer('scale_weight'), 'scaled_fp8']],
    ['scaled fp8', 'f8e5m2', [layer('weight_scale')]],
    ['block-scaled fp8', 'f8e4m3', [layer('weight_scale_inv')]],
    ['NVFP4', 'u8', [layer('weight_scale'), layer('weight_scale_2')]],
    ['SVDQuant (nunchaku)', 'i8', [layer('qweight'), layer('wscales'), layer('smooth_factor')]],
    ['GPTQ or AWQ', 'f16', [layer('qweight'), layer('qzeros')]],
    ['int8', 'i8', [layer('weight_scale')]],
    ['incomplete quanto', 'f16', [layer('weight._data'), layer('weight._scale')]],
    ['quanto int4 or int2', 'f16', [layer('weight._scale'), layer('weight._data._data')]],
    ['quanto int4 or int2', 'f16', [layer('weight._scale'), layer('weight._shift')]],
    ['packed 4-bit or 8-bit integers', 'u8', []],
  ])('is told by the tensors: %s', (name, weight, beside) => {
    expect(quantizationOf({ tensors: tensors(weight, ...beside) })).toBe(name)
  })

  test.each([
    [{ quant_method: 'bitsandbytes', load_in_4bit: true, bnb_4bit_quant_type: 'nf4' }, 'bitsandbytes nf4'],
    [{ quant_method: 'bitsandbytes', load_in_8bit: true }, 'bitsandbytes int8'],
    [{ quant_method: 'torchao', quant_type: 'int8wo' }, 'torchao int8wo'],
    [{ quant_method: 'modelopt', quant_algo: 'NVFP4' }, 'modelopt NVFP4'],
    [{ quant_method: 'quanto', weights_dtype: 'int8' }, 'quanto int8'],
    [{ quant_method: 'gguf' }, 'gguf'],
    [{}, 'an unnamed method'],
  ])('is told by the config first: %j', (quantization_config, name) => {
    expect(quantizationOf({ tensors: tensors('u8'), config: { quantization_config } })).toBe(name)
  })

  test.each([
    [
      { _quantization_metadata: '{"layers":{"a":{"format":"nvfp4"},"b":"float8_e4m3fn"}}' },
      'ComfyUI nvfp4, float8_e4m3fn',
    ],
    [{ _quantization_metadata: 'no JSON' }, 'ComfyUI quantised layers'],
    [{ tensor_names: '["a"]' }, 'torchao'],
  ])('is told by the header: %j', (metadata, name) => {
    const pairs = new Map(Object.entries(metadata as Record<string, string>))
    expect(quantizationOf({ tensors: tensors('u8'), metadata: pairs })).toBe(name)
  })

  test.each<DType>(['f32', 'bf16', 'f16', 'f64', 'f8e4m3'])('is none for plain %s', dtype => {
    expect(
      quantizationOf({ tensors: tensors(dtype, layer('bias')), config: { num_layers: 2 } }),
    ).toBeUndefined()
  })
})
