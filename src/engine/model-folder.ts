import path from 'node:path'
import { CheckpointError, type Expectation } from '../errors.ts'
import { defaultRevision } from '../hub/model-folder.ts'
import { listed } from '../notices.ts'
import { pullCommand } from './fetch-advice.ts'
import { type ModelPath, type RecognizedPath, recognizePath, runnablePath } from './recognize-path.ts'

/**
 * What to open for a path: a folder, the snapshot where it is a repository's folder of the Hugging Face cache, or a file
 * that may be a transformer's.
 * @throws CheckpointError `checkpoint/not-found` for everything else, with what it is and what to give instead
 */
export async function modelAt(location: string): Promise<ModelPath> {
  const recognized = await recognizePath(location)
  const path = runnablePath(recognized, location)
  if (path) return path
  throw notAModel(location, recognized)
}

/** Why no model can be opened from a path. */
function notAModel(location: string, recognized: RecognizedPath): CheckpointError {
  return new CheckpointError('checkpoint/not-found', {
    subject: `model ${location}`,
    expected: fileKinds.includes(recognized.kind)
      ? 'a folder in the diffusers layout, or a .safetensors or .gguf file'
      : 'a folder in the diffusers layout',
    ...reasonNotToRun(recognized),
  })
}

const fileKinds: readonly RecognizedPath['kind'][] = ['pickle', 'lfs-pointer', 'file']

/** What a path is that no model can be run from, and what to do about it. */
export function reasonNotToRun(recognized: RecognizedPath): Pick<Expectation, 'got' | 'advice'> {
  const get = 'Get a folder in the diffusers layout with: framewright models pull <owner/name>'
  switch (recognized.kind) {
    case 'nothing':
      return {
        got: 'nothing there',
        advice:
          'Download one with "framewright models pull <owner/name>", or leave --model out for the built-in one.',
      }
    case 'repository':
      return {
        got: 'a folder of the Hugging Face cache without a snapshot',
        advice: `Fetch it with: ${pullCommand({ id: recognized.id, revision: defaultRevision })}`,
      }
    case 'component':
      return {
        got: `one component of a model (${recognized.className})`,
        advice:
          recognized.model === undefined ? get : `Give the folder of the whole model: ${recognized.model}`,
      }
    case 'weights-folder':
      return {
        got: `a folder of weights without model_index.json (${listed(recognized.files, 8)})`,
        advice:
          fileAdvice(recognized) ??
          `Weights in shards of their makers' own layout, and pickled ones, cannot be run; many models have a second repository whose name ends in -Diffusers. ${get}`,
      }
    case 'pickle':
      return { got: 'a file of pickled weights', advice: `Weights have to be .safetensors. ${get}` }
    case 'lfs-pointer':
      return {
        got: 'a Git LFS pointer (the clone did not fetch the weights)',
        advice: 'Run `git lfs pull` in the repository, then give its folder.',
      }
    case 'file':
      return { got: 'a file', advice: get }
    default:
      return {
        got: 'a folder without model_index.json',
        advice: 'Give the folder that holds model_index.json, with the components beside it.',
      }
  }
}

/** The file to name instead of its folder, where one can be a model on its own: neither a shard nor a file beside a transformer's. */
function fileAdvice({ place, files }: { place: string; files: readonly string[] }): string | undefined {
  const single = files.filter(name => /\.(?:safetensors|gguf)$/i.test(name) && !/-\d{5}-of-\d{5}/.test(name))
  const file = single.find(name => !/vae|t5|clip|encoder|lora|gemma|qwen/i.test(name)) ?? single[0]
  return file && `Name the file of the transformer itself, such as ${path.join(place, file)}.`
}

/** Whether a text can be the name of a model on the hub, and not a path. */
export function isHubName(name: string): boolean {
  return /^\w[\w.-]*\/\w[\w.-]*$/.test(name) && !path.isAbsolute(name)
}

/** Whether a text can be the name of a file of weights in a repository of the hub, and not a path. */
export function isHubFile(name: string): boolean {
  return /^\w[\w.-]*\/\w[\w.-]*\/.+\.(?:safetensors|sft|gguf)$/.test(name)
}
