/**
 * The .safetensors format: 8 bytes of header length (little endian), a JSON header of that many bytes with dtype,
 * shape and byte range of every tensor, then the data without gaps. https://github.com/huggingface/safetensors#format
 */
export { readSafetensorsHeader } from './read-header.ts'
export { readTensor } from './read-tensor.ts'
export type { SafetensorsFile, TensorLocation } from './tensor-location.ts'
export { toFloat32 } from './to-float32.ts'
export { writeSafetensors } from './write-safetensors.ts'
