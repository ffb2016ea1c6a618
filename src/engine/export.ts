import { cp, mkdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError, checkAborted } from '../errors.ts'
import type { Graph } from '../graph/graph.ts'
import { serialize } from '../graph/serialize.ts'
import { weightBytesOf } from '../graph/session-memory.ts'
import { standardGraph } from '../graph/standard-dialect.ts'
import { staticGraph } from '../graph/static-shapes.ts'
import { checkOutput, outputError, UnfinishedOutput } from '../media/output-path.ts'
import type { Family } from '../pipeline/family.ts'
import { buildComponent } from './build-component.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { type ClipSize, clipSymbols } from './clip-sizes.ts'
import { type ExportManifest, exportManifestName } from './export-manifest.ts'
import type { ModelFiles } from './model-files.ts'
import { type PlacedWeights, placeWeights, placeWeightsFiles } from './place-weights.ts'

export interface ExportOptions {
  /** A model folder in the diffusers layout, or a transformer's file. */
  readonly model: string
  /** The other files of the latter. @default those that are found near it */
  readonly files?: ModelFiles
  /** The folder to make: new, or empty, in one that exists. */
  readonly output: string
  /**
   * Whether the weights are copied. Unless given they take no space: they are clones where the file system has them,
   * else hard links, which recent versions of onnx.checker refuse.
   */
  readonly copy?: boolean
  /**
   * The operators: those that ONNX Runtime is fastest with, some of which only it knows, or those of ONNX's standard alone
   * (opset 23).
   * @default 'onnxruntime'
   */
  readonly dialect?: ExportDialect
  /**
   * A clip that every shape is fixed to, decoded a latent frame at a time, with a prompt as long as the model reads. The
   * folder then makes such clips alone. @default shapes stay symbols
   */
  readonly clip?: ClipSize
  readonly signal?: AbortSignal
}

export const exportDialects = ['onnxruntime', 'standard'] as const

export type ExportDialect = (typeof exportDialects)[number]

export interface ExportReport {
  readonly path: string
  /** The .onnx files, by the graph's name. */
  readonly graphs: readonly { readonly name: string; readonly file: string }[]
  readonly weightFiles: number
  readonly weightBytes: number
  /** Whether weights are hard links to the checkpoint's own files. */
  readonly linked: boolean
}

/** Exported graphs compute in f32, which every execution provider can. */
const precision = 'f32'

/**
 * Writes a model as ordinary .onnx files, with the weights beside them, and a manifest from which the folder can be
 * run like the checkpoint that it was made from. It appears under its name when it is whole.
 * @throws CheckpointError when the checkpoint cannot be read; MediaError when the folder cannot be written
 */
export async function exportCheckpoint(
  options: ExportOptions,
  families: readonly Family[],
): Promise<ExportReport> {
  const checkpoint = await openCheckpoint(options.model, families, { files: options.files })
  if (checkpoint.exported) throw alreadyExported(checkpoint.folder)
  const target = asFolder(options.output)
  await checkOutput(target)
  const unfinished = new UnfinishedOutput(target)
  try {
    await mkdir(unfinished.path)
    const written = await writeExport(checkpoint, unfinished.path, options)
    // From here on the folder is there: an interrupt finds it whole.
    if (options.signal) checkAborted(options.signal)
    await unfinished.publish()
    return { path: options.output, ...written }
  } catch (error) {
    await unfinished.discard()
    throw outputError(options.output, error)
  }
}

async function writeExport(
  checkpoint: Checkpoint,
  folder: string,
  { copy = false, dialect = 'onnxruntime', clip, signal }: ExportOptions,
): Promise<Omit<ExportReport, 'path'>> {
  const graphs: ExportManifest['graphs'] = []
  const single: Record<string, string[]> = {}
  let weightFiles = 0
  let weightBytes = 0
  let linked = false
  const symbols = clip && (await clipSymbols(checkpoint, clip))
  for (const component of componentsOf(checkpoint)) {
    if (signal) checkAborted(signal)
    const { files } = checkpoint.weights.get(component)!
    const target = path.join(folder, component)
    const weights = checkpoint.files
      ? await placeWeightsFiles(files, target, { copy })
      : await placeWeights(path.join(checkpoint.folder, component), target, { copy })
    if (checkpoint.files) single[component] = files.map(file => `${component}/${weights.nameOf(file)}`)
    weightFiles += weights.files
    weightBytes += weights.bytes
    linked ||= weights.linked
    const built = await buildComponent(checkpoint, component, {
      device: { type: 'cpu' },
      requested: precision,
    })
    for (const graph of built.values()) {
      const sizes = symbols?.get(graph.name)
      const sized = sizes ? staticGraph(graph, sizes) : graph
      const spoken = dialect === 'standard' ? standardGraph(sized) : sized
      graphs.push(await writeGraph(spoken, folder, component, weights))
    }
  }
  await copyFolders(checkpoint, folder)
  await writeTokenizer(checkpoint, folder)
  await writeManifest(checkpoint, folder, { graphs, ...(checkpoint.files && { weights: single }) })
  return { graphs: graphs.map(({ name, file }) => ({ name, file })), weightFiles, weightBytes, linked }
}

async function writeGraph(
  graph: Graph,
  folder: string,
  component: string,
  { nameOf }: PlacedWeights,
): Promise<ExportManifest['graphs'][number]> {
  const file = `${graph.name}.onnx`
  // Locations are relative to the .onnx file, with forward slashes on every system.
  const bytes = serialize(graph, { locate: source => `${component}/${nameOf(source)}` })
  await writeFile(path.join(folder, file), bytes)
  return { name: graph.name, file, weightBytes: weightBytesOf(graph) }
}

async function writeManifest(
  { configs }: Checkpoint,
  folder: string,
  written: Pick<ExportManifest, 'graphs' | 'weights'>,
): Promise<void> {
  const { index, components, defaults, trained } = configs
  const manifest: ExportManifest = {
    format: 1,
    index,
    components,
    defaults: { ...defaults },
    ...(trained && { trained }),
    precision,
    ...written,
  }
  await writeFile(path.join(folder, exportManifestName), `${JSON.stringify(manifest, null, 2)}\n`)
}

/** The components that graphs take weights from. */
function componentsOf({ model }: Checkpoint): string[] {
  return [...new Set(model.graphs.map(graph => graph.component))]
}

/** Tokenizers and the like: components of files that the manifest does not hold. */
async function copyFolders({ configs }: Checkpoint, folder: string): Promise<void> {
  for (const [name, entry] of Object.entries(configs.index)) {
    if (!Array.isArray(entry) || name in configs.components) continue
    const source = path.join(configs.folder, name)
    const found = await stat(source).catch(() => undefined)
    if (found?.isDirectory())
      await cp(source, path.join(folder, name), { recursive: true, dereference: true })
  }
}

function alreadyExported(folder: string): CheckpointError {
  return new CheckpointError('checkpoint/config', {
    subject: `model ${folder}`,
    expected: 'a checkpoint in the diffusers layout',
    got: 'one that was exported already',
  })
}

/** The tokenizer of a model of single files, which may have come out of one of them. */
async function writeTokenizer({ files, configs }: Checkpoint, folder: string): Promise<void> {
  if (!files || !configs.tokenizer) return
  const { json, config } = await configs.tokenizer.read()
  const target = path.join(folder, 'tokenizer')
  await mkdir(target)
  await writeFile(path.join(target, 'tokenizer.json'), JSON.stringify(json))
  await writeFile(path.join(target, 'tokenizer_config.json'), JSON.stringify(config))
}

/** A path that ends in a slash is one of a folder. */
function asFolder(output: string): string {
  return /[/\\]$/.test(output) ? output : `${output}/`
}
