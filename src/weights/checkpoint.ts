import { CheckpointError } from '../errors.ts'
import { elementCount } from '../tensor/dtype.ts'
import type { FileStamp } from './file-stamp.ts'
import { findWeights } from './find-weights.ts'
import { withoutLayerMap } from './formats/comfy-markers.ts'
import { readLayers } from './formats/read-layers.ts'
import { readSafetensorsHeader } from './read-header.ts'
import { readShardIndex, type ShardIndex } from './shard-index.ts'
import { quoted } from './strict-json.ts'
import type { SafetensorsFile, Stamped, TensorLocation } from './tensor-location.ts'

/** Every tensor of one component of a checkpoint (`transformer/`, `vae/`, …), over all its files. */
export interface Weights {
  readonly folder: string
  readonly tensors: ReadonlyMap<string, TensorLocation>
  /** Real paths of the .safetensors files. */
  readonly files: readonly string[]
  /** Of the files, when their headers were read. */
  readonly stamps: readonly FileStamp[]
  /** Elements of all tensors. */
  readonly parameters: number
  /** Bytes of all tensors. */
  readonly bytes: number
  /** The free text pairs of all files together. */
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * Finds and checks the weights in a component's folder: one .safetensors file, or the shards that an index names. Layers in a
 * format of few bits are read as what they stand for. Only headers, and scales, are read.
 * @param baseName file name before `.safetensors`; by default `diffusion_pytorch_model` or `model`, whichever is
 * there, or the one variant of it (`model.fp16.safetensors`), or the only set of weights in the folder
 * @throws CheckpointError `checkpoint/not-found` when there are none, `checkpoint/corrupt` when a file is malformed,
 * `checkpoint/tensors` when an index and its shards disagree
 */
export async function openWeights(folder: string, baseName?: string): Promise<Weights> {
  const found = await findWeights(folder, baseName)
  if (!found.indexed) return await gather(folder, await Promise.all(found.paths.map(readSafetensorsHeader)))
  const index = await readShardIndex(found.paths[0])
  const shards = new Map<string, SafetensorsFile & Stamped>()
  for (const [name, path] of index.shards) shards.set(name, await readSafetensorsHeader(path))
  checkIndex(index, shards)
  return await gather(folder, [...shards.values()])
}

/** Opens one .safetensors file as the weights of a component. @throws CheckpointError as `openWeights` */
export async function openWeightsFile(file: string): Promise<Weights> {
  return await gather(file, [await readSafetensorsHeader(file)])
}

/** Every key has to be in the shard that the index names, and nowhere else. */
function checkIndex(index: ShardIndex, shards: ReadonlyMap<string, SafetensorsFile>): void {
  for (const [key, name] of index.shardOfKey) {
    if (shards.get(name)?.tensors.has(key)) continue
    throw disagreement(index, key, `a tensor in ${name}`, 'none')
  }
  for (const [name, shard] of shards) {
    const stray = [...shard.tensors.keys()].find(key => index.shardOfKey.get(key) !== name)
    if (stray === undefined) continue
    throw disagreement(index, stray, index.shardOfKey.get(stray) ?? 'no such tensor', `one in ${name}`)
  }
}

function disagreement(index: ShardIndex, key: string, expected: string, got: string): CheckpointError {
  const advice = 'The index and its shards are not of one download: download the folder again.'
  return new CheckpointError('checkpoint/tensors', {
    subject: `${index.path}: ${quoted(key)}`,
    expected,
    got,
    advice,
  })
}

async function gather(folder: string, files: readonly (SafetensorsFile & Stamped)[]): Promise<Weights> {
  const tensors = await readLayers(files)
  const all = [...tensors.values()]
  return {
    folder,
    tensors,
    files: files.map(file => file.path),
    stamps: files.map(file => file.stamp),
    parameters: all.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    metadata: withoutLayerMap(new Map(files.flatMap(file => [...file.metadata]))),
  }
}
