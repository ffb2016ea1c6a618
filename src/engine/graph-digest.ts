import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { Graph } from '../graph/graph.ts'
import { serialize } from '../graph/serialize.ts'
import type { Weights } from '../weights/checkpoint.ts'

/** Files up to this size are read as a whole, larger ones in parts. */
const wholeFileBytes = 256 * 2 ** 20

/** Read at the beginning and at the end of every tensor of a larger file. */
const sampleBytes = 4096

/** Names the engine that TensorRT builds of a graph and its weights. */
export async function engineKey(graph: Graph, name: string, weights: Weights): Promise<string> {
  return `${name.replaceAll(/[^\w.-]+/g, '-')}-${(await graphDigest(graph, weights)).slice(0, 16)}`
}

/** Names a network, its precision included, with its weights and those of its adapters. */
export async function graphDigest(graph: Graph, weights: Weights): Promise<string> {
  const hash = createHash('sha256').update(serialize(graph, { locate: () => 'weights' }))
  const read = graph.initializers.flatMap(each => ('external' in each ? [each.external.file] : []))
  for (const file of new Set([...weights.files, ...read])) hash.update(await contentOf(file, weights))
  return hash.digest('hex')
}

/**
 * A digest of a file of weights: of its content, or, of a large file, of its size, modification time, and both ends of every
 * tensor.
 */
async function contentOf(file: string, { tensors }: Weights): Promise<Buffer> {
  const hash = createHash('sha256')
  const handle = await open(file)
  try {
    const { size, mtimeMs } = await handle.stat()
    const read = async (offset: number, bytes: number) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, offset)
      hash.update(buffer.subarray(0, bytesRead))
    }
    if (size <= wholeFileBytes) {
      for (let offset = 0; offset < size; offset += 2 ** 22)
        await read(offset, Math.min(2 ** 22, size - offset))
      return hash.digest()
    }
    hash.update(JSON.stringify([size, mtimeMs]))
    for (const tensor of tensors.values()) {
      if (tensor.file !== file) continue
      const bytes = Math.min(sampleBytes, tensor.bytes)
      await read(tensor.offset, bytes)
      await read(tensor.offset + tensor.bytes - bytes, bytes)
    }
    return hash.digest()
  } finally {
    await handle.close()
  }
}
