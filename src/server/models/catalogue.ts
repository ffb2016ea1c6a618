import path from 'node:path'
import { checkFilesTaken, type ModelFiles } from '../../engine/model-files.ts'
import { builtInModel, resolveModel } from '../../engine/model-name.ts'
import { checkNamedAdapters, type NamedAdapters } from '../../host/named-adapters.ts'
import { inspectServed, type ServedModel } from './served-model.ts'

/** Which checkpoints are offered, and by which names. */
export interface CatalogueOptions {
  /** Checkpoints; the first one also answers to every name of the APIs that has no checkpoint of its own. */
  readonly models?: readonly string[]
  /** Names of the APIs, such as `gen4.5`, with the checkpoint that each stands for. */
  readonly aliases?: Readonly<Record<string, string>>
  /** LoRA files by the names that requests call them by. */
  readonly adapters?: NamedAdapters
  /** The other files of models that are no folders. @default those that are found near them */
  readonly files?: ModelFiles
  readonly maxPixels?: number
}

/** The models of a server, by the names that clients use. */
export class Catalogue {
  readonly #served: ReadonlyMap<string, ServedModel>
  readonly #aliases: Readonly<Record<string, string>>
  readonly #first: ServedModel

  private constructor(served: ReadonlyMap<string, ServedModel>, aliases: Readonly<Record<string, string>>) {
    this.#served = served
    this.#aliases = aliases
    this.#first = [...served.values()][0]!
  }

  /** @throws CheckpointError when one of them is not a model, or an adapter is of none of them */
  static async open({
    models = [builtInModel],
    aliases = {},
    adapters = {},
    files,
    maxPixels,
  }: CatalogueOptions): Promise<Catalogue> {
    const named = [...(models.length > 0 ? models : [builtInModel]), ...Object.values(aliases)]
    checkFilesTaken(await Promise.all(named.map(resolveModel)), files)
    const fitting = await checkNamedAdapters(adapters, { models: named, files })
    const served = new Map<string, ServedModel>()
    for (const [checkpoint, names] of fitting) {
      served.set(checkpoint, await inspectServed(checkpoint, { files, maxPixels, adapters: names }))
    }
    return new Catalogue(served, { ...fileNames([...served.keys()]), ...aliases })
  }

  /** Checkpoints, as tasks and clients name them. */
  get checkpoints(): readonly string[] {
    return [...this.#served.keys()]
  }

  /** Names that were given to checkpoints. */
  get aliases(): readonly string[] {
    return Object.keys(this.#aliases)
  }

  /** The checkpoint for a name of an API, or of its own. */
  modelFor(name: string): ServedModel {
    return this.#served.get(this.#aliases[name] ?? name) ?? this.#first
  }

  /** Whether a name is one that this server was told. */
  knows(name: string): boolean {
    return this.#served.has(name) || Object.hasOwn(this.#aliases, name)
  }
}

/** Single files answer to their names without folder and ending, where no two are the same. */
function fileNames(checkpoints: readonly string[]): Record<string, string> {
  const files = checkpoints.filter(checkpoint => /\.(?:safetensors|sft|gguf)$/i.test(checkpoint))
  const named = files.map(file => [path.parse(file).name, file] as const)
  const once = named.filter(([name]) => named.filter(([other]) => other === name).length === 1)
  return Object.fromEntries(once)
}
