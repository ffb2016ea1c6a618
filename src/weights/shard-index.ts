import { dirname, join } from 'node:path'
import { messageOf } from '../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson, quoted } from './strict-json.ts'
import { corrupt, downloadAgain, readFully, withWeightsFile } from './weights-file.ts'

/** A checked `*.safetensors.index.json`. */
export interface ShardIndex {
  readonly path: string
  /** File name of the shard that holds each key. */
  readonly shardOfKey: ReadonlyMap<string, string>
  /** Path of each shard by its file name, sorted. */
  readonly shards: ReadonlyMap<string, string>
}

/** The index of a 14B checkpoint has 0.1 MB. */
const maxIndexBytes = 100_000_000

/**
 * Reads the index of a sharded checkpoint. It may name only files of its own folder.
 * @throws CheckpointError `checkpoint/corrupt` when it is malformed
 */
export async function readShardIndex(path: string): Promise<ShardIndex> {
  const shardOfKey = new Map<string, string>()
  for (const [key, name] of await readWeightMap(path)) {
    if (typeof name !== 'string' || !isPlainShardName(name)) {
      const expected = 'the plain name of a .safetensors file in the same folder'
      const got = typeof name === 'string' ? quoted(name) : 'no text'
      throw corrupt(`${path}: weight_map[${quoted(key)}]`, { expected, got, advice: downloadAgain })
    }
    shardOfKey.set(key, name)
  }
  const names = [...new Set(shardOfKey.values())].sort()
  // Beside the index's own path, not its real one: in a Hugging Face cache both are links into a folder of blobs.
  return { path, shardOfKey, shards: new Map(names.map(name => [name, join(dirname(path), name)])) }
}

async function readWeightMap(path: string): Promise<JsonObject> {
  const document = await readJson(path)
  const map = isJsonObject(document) ? document.get('weight_map') : undefined
  if (isJsonObject(map) && map.size > 0) return map
  throw corrupt(path, {
    expected: 'an object "weight_map" that names the shard of every tensor',
    got: 'none',
    advice: downloadAgain,
  })
}

async function readJson(path: string): Promise<JsonValue> {
  const bytes = await withWeightsFile(path, async file => {
    if (file.bytes > maxIndexBytes) {
      throw corrupt(path, {
        expected: `an index of at most ${maxIndexBytes} bytes`,
        got: `${file.bytes} bytes`,
      })
    }
    const target = new Uint8Array(file.bytes)
    await readFully(file, target, 0)
    return target
  })
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw corrupt(path, { expected: 'a JSON index', got: messageOf(cause), advice: downloadAgain }, cause)
  }
}

/** Neither a path nor a hidden file, on any platform. */
function isPlainShardName(name: string): boolean {
  return /^[\w+=@~-][\w.+=@~ -]{0,250}$/.test(name) && name.endsWith('.safetensors')
}
