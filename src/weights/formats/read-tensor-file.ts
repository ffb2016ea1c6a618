import { readSafetensorsHeader } from '../read-header.ts'
import type { Stamped, TensorLocation } from '../tensor-location.ts'
import { readFully, withWeightsFile } from '../weights-file.ts'
import type { GgufValue } from './gguf/gguf-values.ts'
import { readGguf } from './gguf/read-gguf.ts'
import { readLayers } from './read-layers.ts'

/** A file of weights in a format that can be run, as far as its header tells. */
export interface TensorFile extends Stamped {
  /** Real path. */
  readonly path: string
  readonly bytes: number
  readonly container: 'safetensors' | 'gguf'
  /** By the names of the file, without those that only describe others. */
  readonly tensors: ReadonlyMap<string, TensorLocation>
  /** The free text pairs of a .safetensors file. */
  readonly metadata: ReadonlyMap<string, string>
  /** The values of a GGUF file's header. */
  readonly values: ReadonlyMap<string, GgufValue>
}

/**
 * Reads the header of a .safetensors or GGUF file, told apart by its first bytes.
 * @throws CheckpointError for a file that is missing, malformed, or of a quantisation that is not known
 */
export async function readTensorFile(path: string): Promise<TensorFile> {
  if (await isGguf(path)) return { ...(await readGguf(path)), container: 'gguf', metadata: new Map() }
  const file = await readSafetensorsHeader(path)
  return { ...file, container: 'safetensors', tensors: await readLayers(file), values: new Map() }
}

function isGguf(path: string): Promise<boolean> {
  return withWeightsFile(path, async file => {
    const magic = Buffer.alloc(Math.min(4, file.bytes))
    await readFully(file, magic, 0)
    return magic.toString('latin1') === 'GGUF'
  })
}
