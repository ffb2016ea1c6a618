import path from 'node:path'
import { z } from 'zod'
import { CheckpointError, RequestError } from '../errors.ts'
import type { GraphRecipe, UpsamplerFormat } from '../pipeline/family.ts'
import { upsamplerGraph } from '../pipeline/upsample.ts'
import { openWeights, openWeightsFile, type Weights } from '../weights/checkpoint.ts'
import { readJson } from '../weights/component-configs.ts'
import type { Checkpoint } from './checkpoint.ts'
import { recognizePath } from './recognize-path.ts'

/**
 * Opens the upsampler of a request: a folder with its config.json and weights, the folder of a pipeline that it is a
 * component of, or one file. Its graph also uses tensors of the checkpoint.
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
  const { file, config, opened } = await findUpsampler(location, format)
  const build = format.read(config, file)
  const own = [...opened.tensors].filter(([key]) => !format.ignored?.test(key))
  const { component, tensors } = format.shared
  const shared = [...weights.get(component)!.tensors].filter(([key]) => tensors.test(key))
  return {
    recipe: { name: upsamplerGraph(location), component: location, role: 'vae', build },
    weights: { ...opened, tensors: new Map([...shared, ...own]) },
  }
}

interface FoundUpsampler {
  /** For messages: where the config is, or would be. */
  readonly file: string
  readonly config: object
  readonly opened: Weights
}

async function findUpsampler(location: string, format: UpsamplerFormat): Promise<FoundUpsampler> {
  const { component, className } = format
  const recognized = await recognizePath(location)
  if (recognized.kind === 'safetensors') return await openFile(location, format)
  const root = ('folder' in recognized && recognized.folder) || location
  for (const folder of [root, path.join(root, component)]) {
    const file = path.join(folder, 'config.json')
    const config = await readJson(file, z.record(z.string(), z.unknown()))
    if (!config) continue
    if (config._class_name === className) return { file, config, opened: await openWeights(folder) }
    throw new CheckpointError('checkpoint/config', {
      subject: `${file} _class_name`,
      expected: className,
      got: String(config._class_name ?? 'none'),
      advice: 'Give the folder of an upsampler.',
    })
  }
  throw new CheckpointError('checkpoint/not-found', {
    subject: `upsampler ${location}`,
    expected: `a folder with the config.json of a ${className}, or with ${component}/config.json`,
    got: recognized.kind === 'nothing' ? 'nothing there' : 'neither',
    advice: 'Give the folder of an upsampler, or the .safetensors file of one.',
  })
}

/** A single file, as the model's makers publish it: its tensors tell the config. */
async function openFile(location: string, format: UpsamplerFormat): Promise<FoundUpsampler> {
  const opened = await openWeightsFile(location)
  const config = format.configOf(opened.tensors)
  if (config) return { file: location, config, opened }
  throw new CheckpointError('checkpoint/config', {
    subject: `upsampler ${location}`,
    expected: `the tensors of a ${format.className}`,
    got: 'those of something else',
    advice:
      'Give the file that was published with the model, such as ltx-2-spatial-upscaler-x2-1.0.safetensors.',
  })
}
