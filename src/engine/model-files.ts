import { statSync } from 'node:fs'
import path from 'node:path'
import { CheckpointError, invalidRequest } from '../errors.ts'
import type { Family } from '../pipeline/family.ts'
import { type FilePart, type NeededPart, partName } from '../pipeline/single-files.ts'
import { withoutLayerMap } from '../weights/formats/comfy-markers.ts'
import type { TensorFile } from '../weights/formats/read-tensor-file.ts'
import { quantizationOf } from '../weights/quantization.ts'
import { sectionsOf } from './file-sections.ts'
import { type PartFile, readPartFile } from './part-file.ts'

/** The files of a model that is not a folder, beside its transformer's. */
export interface ModelFiles {
  /** The low-noise expert, of models with two. */
  readonly transformer2?: string
  /** A file, or a folder of shards with its config.json. */
  readonly textEncoder?: string
  /** The second one, of models with two. */
  readonly textEncoder2?: string
  /** What the text goes through between encoder and transformer, of models that have it apart. */
  readonly connectors?: string
  readonly vae?: string
  /** The file of the sound's VAE and vocoder, of models that make sound. */
  readonly audioVae?: string
  readonly imageEncoder?: string
  /** A folder with tokenizer.json or spiece.model, or one of these files. */
  readonly tokenizer?: string
  /** A folder that parts are looked for in, such as ComfyUI's `models`. @default $FRAMEWRIGHT_MODELS */
  readonly modelsFolder?: string
}

/** How each part is given, by component: as an option of the library and as a flag. */
export const fileOptions = {
  transformer_2: { option: 'transformer2', flag: '--transformer-2' },
  text_encoder: { option: 'textEncoder', flag: '--text-encoder' },
  text_encoder_2: { option: 'textEncoder2', flag: '--text-encoder-2' },
  connectors: { option: 'connectors', flag: '--connectors' },
  vae: { option: 'vae', flag: '--vae' },
  audio_vae: { option: 'audioVae', flag: '--audio-vae' },
  vocoder: { option: 'audioVae', flag: '--audio-vae' },
  image_encoder: { option: 'imageEncoder', flag: '--image-encoder' },
} as const

/** The files that a model takes: a folder holds its parts. @param model its path */
export function filesFor(model: string, files: ModelFiles = {}): ModelFiles {
  return isFile(model) ? files : {}
}

/** Refuses parts that none of several models takes. @throws RequestError */
export function checkFilesTaken(models: readonly string[], files: ModelFiles = {}): void {
  if (!models.some(isFile)) refuseFiles(models[0]!, files)
}

const isFile = (location: string) => statSync(location, { throwIfNoEntry: false })?.isFile() ?? false

/** @throws RequestError for a part that is given to a folder, which holds its own */
export function refuseFiles(folder: string, { modelsFolder: _, ...parts }: ModelFiles): void {
  const [given] = Object.entries(parts).filter(([, path]) => path !== undefined)
  if (!given) return
  const [option, path] = given
  const advice = 'Leave it out, or put the file into a copy of the folder.'
  throw invalidRequest(option, `none beside ${folder}, a folder that holds its parts`, path, advice)
}

/** A part of a model, and the file that holds it. */
export interface LocatedPart extends FilePart {
  readonly file: PartFile
}

/** The parts of a family that a file holds. @throws CheckpointError for a file that cannot be read */
export async function partsIn(location: string, family: Family): Promise<LocatedPart[]> {
  return partsOf(await readPartFile(location), family)
}

export function partsOf(file: PartFile, { singleFiles }: Family): LocatedPart[] {
  const parts = sectionsOf(file).flatMap(section => singleFiles?.parts(section) ?? [])
  return parts.map(part => ({ ...part, file }))
}

/** The one of a file's parts that is needed. */
export function neededIn(parts: readonly LocatedPart[], need: NeededPart): LocatedPart | undefined {
  return parts.find(part => partName(part) === partName(need) && need.fits(part))
}

/**
 * The transformer in a file, and the family that it is of, with the other parts that the file holds.
 * @throws CheckpointError `checkpoint/not-found` for a file that is another part of a model, or of no family
 */
export async function readTransformer(
  location: string,
  families: readonly Family[],
): Promise<{ family: Family; parts: readonly LocatedPart[] }> {
  const file = await readPartFile(location)
  const found = families.map(family => ({ family, parts: partsOf(file, family) }))
  const whole = found.find(({ parts }) => parts.some(({ component }) => component === 'transformer'))
  const quantized = unreadWeights(file)
  if (whole && !quantized) return whole
  const other = found.flatMap(({ parts }) => parts)[0]
  throw new CheckpointError('checkpoint/not-found', {
    subject: `model ${location}`,
    expected: `the transformer of ${families.map(({ name }) => name).join(' or ')}, as a single file`,
    ...(quantized ?? (other ? anotherPart(other) : unknownTensors(file))),
  })
}

function anotherPart({ component, listed }: FilePart): { got: string; advice: string } {
  const given = fileOptions[component as keyof typeof fileOptions]?.flag
  return {
    got: `its ${component} (${listed[1]})`,
    advice: `Give the transformer's file as --model${given ? `, and this one as ${given}` : ''}.`,
  }
}

function unknownTensors({ tensors }: TensorFile): { got: string; advice: string } {
  const keys = [...tensors.keys()].slice(0, 3).join(', ') || 'no tensors'
  return {
    got: `tensors of no model that is known (${keys}${tensors.size > 3 ? ', …' : ''})`,
    advice: 'An adapter is given as --lora. See docs/models-and-files.md for the models that can be run.',
  }
}

/** What is said of weights that are quantised in a way that no format reads; undefined where all are read. */
function unreadWeights({ tensors, metadata }: TensorFile): { got: string; advice: string } | undefined {
  const kind = quantizationOf({ tensors, metadata: withoutLayerMap(metadata) })
  if (kind === undefined) return undefined
  return {
    got: `${kind} weights, which are not read`,
    advice: 'Use a file of the same model in bf16, fp8, int8, NVFP4 or GGUF.',
  }
}

/**
 * The part of a file that was named for a component.
 * @throws CheckpointError `checkpoint/config` where the file has none that fits
 */
export async function namedPart(location: string, need: NeededPart, family: Family): Promise<LocatedPart> {
  const file = await readPartFile(location)
  const parts = partsOf(file, family)
  const found = neededIn(parts, need)
  const quantized = unreadWeights(file)
  if (found && !quantized) return found
  const described = parts.map(({ listed, config }) => `${listed[1]} ${sizesIn(config)}`).join(', ')
  throw new CheckpointError('checkpoint/config', {
    subject: location,
    expected: need.what,
    got: described || 'none of the parts of this family',
    advice: `Use the ${need.component} of the same model, such as: framewright models pull ${need.repository}/${need.file}`,
    ...quantized,
  })
}

const shownFields = ['d_model', 'z_dim', 'hidden_size', 'latent_channels']

function sizesIn(config: FilePart['config']): string {
  return shownFields.flatMap(name => (name in config ? [`(${name} ${config[name]})`] : [])).join(' ')
}

/** The name of a file, for messages. */
export function shortName(file: string): string {
  return path.basename(file)
}
