import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { FileStamp } from '../weights/file-stamp.ts'
import { findWeights } from '../weights/find-weights.ts'
import { readLayers } from '../weights/formats/read-layers.ts'
import { readTensorFile, type TensorFile } from '../weights/formats/read-tensor-file.ts'
import { readSafetensorsHeader } from '../weights/read-header.ts'
import { readShardIndex } from '../weights/shard-index.ts'

/** A file of weights, or a folder of shards, and the config.json that stands beside it. */
export interface PartFile extends TensorFile {
  /** Of every file. */
  readonly stamps: readonly FileStamp[]
  readonly config: Readonly<Record<string, unknown>> | undefined
}

/**
 * Reads the headers of one file of weights, or of a folder with one set of them, as transformers and Tencent publish
 * components.
 * @throws CheckpointError for a file that is missing, malformed, or of a quantisation that is not known
 */
export async function readPartFile(location: string): Promise<PartFile> {
  const folder = (await stat(location).catch(() => undefined))?.isDirectory() ?? false
  if (!folder) {
    const file = await readTensorFile(location)
    return { ...file, stamps: [file.stamp], config: await configIn(path.dirname(path.resolve(location))) }
  }
  const { paths, indexed } = await findWeights(location)
  const files = indexed ? [...(await readShardIndex(paths[0])).shards.values()] : paths
  const shards = await Promise.all(files.map(readSafetensorsHeader))
  const stamps = shards.map(({ stamp }) => stamp)
  return {
    path: location,
    stamp: stamps[0]!,
    stamps,
    container: 'safetensors',
    bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
    tensors: await readLayers(shards),
    metadata: new Map(shards.flatMap(({ metadata }) => [...metadata])),
    values: new Map(),
    config: await configIn(location),
  }
}

/** A config that cannot be read is none: the folder may be of anything. */
async function configIn(folder: string): Promise<PartFile['config']> {
  try {
    const config: unknown = JSON.parse(await readFile(path.join(folder, 'config.json'), 'utf8'))
    return typeof config === 'object' && config !== null && !Array.isArray(config)
      ? (config as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
