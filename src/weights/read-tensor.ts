import { BackendError } from '../errors.ts'
import type { DType } from '../tensor/dtype.ts'
import { type HostArrays, type Tensor, tensor } from '../tensor/tensor.ts'
import type { TensorLocation } from './tensor-location.ts'
import { readFully, withWeightsFile } from './weights-file.ts'

/**
 * Copies one tensor into host memory. For small ones: the inference runtime maps the big ones from the file itself.
 * @throws CheckpointError when the file has gone, or has become shorter since its header was read
 * @throws BackendError `runtime/memory` when the tensor does not fit in memory
 */
export function readTensor(location: TensorLocation): Promise<Tensor> {
  return withWeightsFile(location.file, async file => {
    const buffer = allocate(location)
    await readFully(file, new Uint8Array(buffer), location.offset)
    return tensor(location.dtype, location.shape, views[location.dtype](buffer))
  })
}

function allocate({ file, key, bytes }: TensorLocation): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes)
  } catch (cause) {
    const what = { subject: `${file}: ${key}`, expected: `${bytes} bytes of memory`, got: 'less' }
    throw new BackendError('runtime/memory', what, { cause })
  }
}

const views: { readonly [D in DType]: (buffer: ArrayBuffer) => HostArrays[D] } = {
  f64: buffer => new Float64Array(buffer),
  f32: buffer => new Float32Array(buffer),
  f16: buffer => new Uint16Array(buffer),
  bf16: buffer => new Uint16Array(buffer),
  f8e4m3: buffer => new Uint8Array(buffer),
  f8e5m2: buffer => new Uint8Array(buffer),
  i64: buffer => new BigInt64Array(buffer),
  i32: buffer => new Int32Array(buffer),
  i16: buffer => new Int16Array(buffer),
  i8: buffer => new Int8Array(buffer),
  u8: buffer => new Uint8Array(buffer),
  bool: buffer => new Uint8Array(buffer),
}
