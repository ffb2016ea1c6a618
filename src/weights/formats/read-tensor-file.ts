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
  /** The free text pairs of a .safetensors file, or the texts of a GGUF header. */
  readonly metadata: ReadonlyMap<string, string>
  /** The values of a GGUF file's header. */
  readonly values: ReadonlyMap<string, GgufValue>
}

/**
 * Reads the header of a .safetensors or GGUF file, told apart by its first bytes.
 * @throws CheckpointError for a file that is missing, malformed, or of a quantisation that is not known
 */
export async function readTensorFile(path: string): Promise<TensorFile> {
  if (await isGguf(path)) {
    const file = await readGguf(path)
    // Texts of the header are what a .safetensors file has in its own: LTX-2's `config`, as ComfyUI-GGUF reads it.
    const metadata = new Map(
      [...file.values].filter((each): each is [string, string] => typeof each[1] === 'string'),
    )
    return { ...file, container: 'gguf', metadata }
  }
  const file = await readSafetensorsHeader(path)
  return { ...file, container: 'safetensors', tensors: await readLayers([file]), values: new Map() }
}

function isGguf(path: string): Promise<boolean> {
  return withWeightsFile(path, async file => {
    const magic = Buffer.alloc(Math.min(4, file.bytes))
    await readFully(file, magic, 0)
    return magic.toString('latin1') === 'GGUF'
  })
}
