import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { readSafetensorsHeader, readTensor } from '../../../src/weights/safetensors.ts'

/** What safetensors 0.8.0's `torch.save` writes for `referenceTensors` and metadata {"format": "pt"}. */
export const referenceFile = Buffer.from(
  'EAMAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJpNjQiOnsiZHR5cGUiOiJJNjQiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNl' +
    'dHMiOlswLDhdfSwiYzY0Ijp7ImR0eXBlIjoiRjY0Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbOCwxNl19LCJhLmYzMiI6eyJkdHlwZSI6' +
    'IkYzMiIsInNoYXBlIjpbMCw0XSwiZGF0YV9vZmZzZXRzIjpbMTYsMTZdfSwiZjMyIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDNdLCJkYXRh' +
    'X29mZnNldHMiOlsxNiw0MF19LCJiMzIiOnsiZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOls0MCw0NF19LCLDvCI6eyJk' +
    'dHlwZSI6IkJGMTYiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOls0NCw0OF19LCJmMTYiOnsiZHR5cGUiOiJGMTYiLCJzaGFwZSI6W10sImRh' +
    'dGFfb2Zmc2V0cyI6WzQ4LDUwXX0sImExNiI6eyJkdHlwZSI6IkkxNiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzUwLDUyXX0sImU0Ijp7' +
    'ImR0eXBlIjoiRjhfRTRNMyIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzUyLDU0XX0sImU1Ijp7ImR0eXBlIjoiRjhfRTVNMiIsInNoYXBl' +
    'IjpbMV0sImRhdGFfb2Zmc2V0cyI6WzU0LDU1XX0sImk4Ijp7ImR0eXBlIjoiSTgiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOls1NSw1OF19' +
    'LCJ1OCI6eyJkdHlwZSI6IlU4Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbNTgsNTldfSwiZmxhZyI6eyJkdHlwZSI6IkJPT0wiLCJzaGFw' +
    'ZSI6WzJdLCJkYXRhX29mZnNldHMiOls1OSw2MV19fSAgICAgAAAAAAABAAAAAAAAAAD0PwAAAAAAAIA/AAAAQAAAQEAAAIBAAACgQAcAAAAAP4C/' +
    'AD4BADz+NAH+A/8BAA==',
  'base64',
)

/** Tensors of every dtype. */
export const referenceTensors = new Map<string, Tensor>([
  ['a16', tensor('i16', [1], Int16Array.of(1))],
  ['b32', tensor('i32', [1], Int32Array.of(7))],
  ['c64', tensor('f64', [1], Float64Array.of(1.25))],
  ['i64', tensor('i64', [1], BigInt64Array.of(2n ** 40n))],
  ['f32', tensor('f32', [2, 3], Float32Array.of(0, 1, 2, 3, 4, 5))],
  ['a.f32', tensor('f32', [0, 4], new Float32Array())],
  ['ü', tensor('bf16', [2], Uint16Array.of(0x3f00, 0xbf80))],
  ['f16', tensor('f16', [], Uint16Array.of(0x3e00))],
  ['e4', tensor('f8e4m3', [2], Uint8Array.of(0x3c, 0xfe))],
  ['e5', tensor('f8e5m2', [1], Uint8Array.of(0x34))],
  ['i8', tensor('i8', [3], Int8Array.of(1, -2, 3))],
  ['u8', tensor('u8', [1], Uint8Array.of(255))],
  ['flag', tensor('bool', [2], Uint8Array.of(1, 0))],
])

/** Reads all tensors of a file. */
export async function readAll(path: string): Promise<Map<string, Tensor>> {
  const { tensors } = await readSafetensorsHeader(path)
  const read = [...tensors].map(async ([key, location]) => [key, await readTensor(location)] as const)
  return new Map(await Promise.all(read))
}
