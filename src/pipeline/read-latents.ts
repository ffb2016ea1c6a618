import { invalidRequest, type RequestError } from '../errors.ts'
import { readSafetensorsHeader } from '../weights/read-header.ts'
import { readTensor } from '../weights/read-tensor.ts'
import { toFloat32 } from '../weights/to-float32.ts'
import type { StreamConditioning } from './conditioning.ts'

/**
 * The streams, of which the first begins with the latents of a file.
 * @throws CheckpointError for a file that is none; RequestError `request/invalid` for other latents
 */
export async function startingFrom(
  path: string,
  [video, ...others]: readonly StreamConditioning[],
): Promise<readonly StreamConditioning[]> {
  const latents = await readLatents(path, video!.shape)
  return [{ ...video!, initial: { latents, noise: 'added' } }, ...others]
}

/**
 * Reads latents from a .safetensors file: its only tensor, or the one called `latents`.
 * @param shape that they have to have, [channels, frames, height, width]; a batch of one before it is left out
 */
async function readLatents(path: string, shape: readonly number[]): Promise<Float32Array> {
  const { tensors } = await readSafetensorsHeader(path)
  const [only, ...others] = tensors.values()
  const found = tensors.get('latents') ?? (others.length === 0 ? only : undefined)
  if (found === undefined) throw otherLatents(path, 'a tensor called latents', [...tensors.keys()].join(', '))
  const unbatched = found.shape.length === 5 && found.shape[0] === 1 ? found.shape.slice(1) : found.shape
  if (unbatched.join() !== shape.join()) {
    throw otherLatents(path, `[${shape.join(', ')}], the size of the video`, `[${found.shape.join(', ')}]`)
  }
  const { data } = toFloat32(await readTensor(found))
  const wrong = data.findIndex(value => !Number.isFinite(value))
  if (wrong < 0) return data
  throw otherLatents(path, 'finite numbers', String(data[wrong]))
}

function otherLatents(path: string, expected: string, got: string): RequestError {
  return invalidRequest(
    `latents ${path}`,
    expected,
    got,
    'Latents are given as the network sees them, [channels, frames, height, width].',
  )
}
