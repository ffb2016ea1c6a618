import path from 'node:path'
import { z } from 'zod'
import { CheckpointError, RequestError } from '../errors.ts'
import type { GraphRecipe, UpsamplerFormat } from '../pipeline/family.ts'
import { upsamplerGraph } from '../pipeline/upsample.ts'
import { openWeights, type Weights } from '../weights/checkpoint.ts'
import type { Checkpoint } from './checkpoint.ts'
import { readJson } from './read-components.ts'
import { recognizePath } from './recognize-path.ts'

/**
 * Opens the upsampler of a request: a folder with its config.json and weights, or the folder of a pipeline that it is a
 * component of. Its graph also uses tensors of the checkpoint.
 * @throws CheckpointError for a folder that is no upsampler, or one of another model; RequestError for a model that was
 *   exported, whose graphs are all there are
 */
export async function openUpsampler(
  location: string,
  { model, exported, weights }: Checkpoint,
): Promise<{ readonly recipe: GraphRecipe; readonly weights: Weights }> {
  const format = model.upsampler
  if (!format) throw new TypeError('upsampler: expected a model that takes one.')
  if (exported) {
    throw new RequestError('request/unsupported', {
      subject: 'upsampler',
      expected: 'none, for a model that was exported',
      got: location,
      advice: 'Use the checkpoint that it was exported from.',
    })
  }
  const { folder, file, config } = await findConfig(location, format)
  if (config._class_name !== format.className) {
    throw new CheckpointError('checkpoint/config', {
      subject: `${file} _class_name`,
      expected: format.className,
      got: String(config._class_name ?? 'none'),
      advice: 'Give the folder of an upsampler.',
    })
  }
  const build = format.read(config, file)
  const opened = await openWeights(folder)
  const own = [...opened.tensors].filter(([key]) => !format.ignored?.test(key))
  const { component, tensors } = format.shared
  const shared = [...weights.get(component)!.tensors].filter(([key]) => tensors.test(key))
  return {
    recipe: { name: upsamplerGraph(location), component: location, role: 'vae', build },
    weights: { ...opened, tensors: new Map([...shared, ...own]) },
  }
}

async function findConfig(location: string, { component, className }: UpsamplerFormat) {
  const recognized = await recognizePath(location)
  const root = ('folder' in recognized && recognized.folder) || location
  for (const folder of [root, path.join(root, component)]) {
    const file = path.join(folder, 'config.json')
    const config = await readJson(file, z.record(z.string(), z.unknown()))
    if (config) return { folder, file, config }
  }
  throw new CheckpointError('checkpoint/not-found', {
    subject: `upsampler ${location}`,
    expected: `a folder with the config.json of a ${className}, or with ${component}/config.json`,
    got: recognized.kind === 'nothing' ? 'nothing there' : 'neither',
    advice: 'Give the folder of an upsampler.',
  })
}
