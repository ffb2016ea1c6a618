/** Graphs of a model that was exported. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError, messageOf, RequestError } from '../errors.ts'
import type { GraphModel } from '../runtime/backend.ts'
import type { ModelAdapter } from './adapters.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { ExportManifest } from './export-manifest.ts'

/**
 * The precision of an exported graph is in its nodes, and so is what adapts it.
 * @throws RequestError for another precision, and for adapters
 */
export function checkExported(
  exported: ExportManifest,
  requested: string | undefined,
  adapters: readonly ModelAdapter[],
): void {
  if (adapters.length > 0) {
    throw new RequestError('request/unsupported', {
      subject: 'adapters',
      expected: 'none, for a model that was exported',
      got: adapters.map(({ file }) => file.path).join(', '),
      advice: 'Use the checkpoint that it was exported from.',
    })
  }
  if (requested === undefined || requested === exported.precision) return
  throw new RequestError('request/unsupported', {
    subject: 'precision',
    expected: `${exported.precision}, as the model was exported`,
    got: requested,
    advice: 'Use the checkpoint that it was exported from.',
  })
}

/** Reads graphs from where they were exported. */
export function exportedGraphs({
  folder,
  exported,
}: Pick<Checkpoint, 'folder' | 'exported'>): (name: string) => Promise<GraphModel> {
  return async name => {
    const entry = exported?.graphs.find(each => each.name === name)
    const file = path.join(folder, entry?.file ?? `${name}.onnx`)
    const bytes = await readFile(file).catch(cause => {
      throw new CheckpointError(
        'checkpoint/not-found',
        {
          subject: file,
          expected: 'an exported graph',
          got: messageOf(cause),
          advice: 'Export the model again.',
        },
        { cause },
      )
    })
    return { name, bytes, weightsFolder: folder, weightBytes: entry?.weightBytes ?? 0 }
  }
}
