import { CheckpointError, invalidRequest, type RequestError } from '../errors.ts'
import { listed, type Notify } from '../notices.ts'
import type { Model } from '../pipeline/family.ts'
import {
  adaptationsOf,
  flat,
  type ScaledAdapter,
  type TensorNames,
  namesOf as tensorNamesOf,
  tensorsByName,
} from '../weights/adapters/adapt.ts'
import { type AdapterFile, type AdapterModule, readAdapter } from '../weights/adapters/adapter-file.ts'
import type { Checkpoint } from './checkpoint.ts'

/** A LoRA file for an engine. */
export interface AdapterOptions {
  /** A .safetensors file. */
  readonly path: string
  /** How strongly it counts; negative turns it around. @default 1 */
  readonly scale?: number
  /** The expert that it was made for, from 0; for models with two. Names in the file that say `transformer_2` win. */
  readonly expert?: number
}

/** An adapter, and the component of the checkpoint that it belongs to where its names do not say. */
export interface ModelAdapter extends ScaledAdapter {
  readonly component: string
}

/**
 * Reads the headers of adapters' files and finds the checkpoint's tensors that they change.
 * @param notify told of parts that only other variants of the model have
 * @throws RequestError for a scale or an expert that cannot be; CheckpointError for a file that is no LoRA, and for
 * tensors that the checkpoint has not, or in other shapes
 */
export async function openAdapters(
  options: readonly AdapterOptions[],
  checkpoint: Checkpoint,
  notify: Notify,
): Promise<ModelAdapter[]> {
  const { model, exported } = checkpoint
  const components = model.facts.experts.map(({ graph }) => {
    return model.graphs.find(({ name }) => name === graph)!.component
  })
  const others = otherTensors(checkpoint)
  const adapters = await Promise.all(options.map(each => openAdapter(each, components, others)))
  for (const { file } of adapters) noteReferences(file, notify)
  // An exported model takes none, and has no tensors to compare with.
  if (exported) return adapters
  for (const component of [...components, ...others.keys()]) {
    const own = adaptersOf(component, adapters)
    const weights = checkpoint.weights.get(component)
    if (own.length === 0 || !weights) continue
    const { leftOut } = adaptationsOf(own, weights, namesOf(model, component))
    for (const { file, modules } of leftOut) {
      const what = `adapter ${file}: left out what ${component} has no layers for`
      notify('adapter/left-out', `${what}, ${counted(modules)}.`)
    }
  }
  return adapters
}

/** Header texts of an in-context LoRA (Lightricks' `read_lora_reference_downscale_factor`): how much smaller its references are. */
const referenceTexts = ['reference_downscale_factor', 'reference_temporal_scale_factor']

function noteReferences({ path, metadata }: AdapterFile, notify: Notify): void {
  const texts = referenceTexts.flatMap(name => (metadata.has(name) ? [`${name} ${metadata.get(name)}`] : []))
  if (texts.length === 0) return
  const what = `adapter ${path}: trained with reference videos (${texts.join(', ')})`
  notify('adapter/references', `${what}, which no request can give: it is used without them.`)
}

/** What adapters may call the tensors of a component. */
export function namesOf({ tensorNames, adaptable }: Model, component: string): TensorNames {
  return adaptable?.[component] ?? tensorNames
}

/** The names of tensors of components beside the experts', by component. */
type OtherTensors = ReadonlyMap<string, ReadonlyMap<string, unknown>>

function otherTensors({ model, weights }: Checkpoint): OtherTensors {
  return new Map(
    Object.entries(model.adaptable ?? {}).flatMap(([component, names]) => {
      const own = weights.get(component)
      return own ? [[component, tensorsByName(own, names)]] : []
    }),
  )
}

/** A module of the file as one of the component whose tensors it names, with or without the component before them. */
function placed(module: AdapterModule, others: OtherTensors): AdapterModule {
  if (module.component !== undefined && module.component !== 'transformer') return module
  for (const [component, tensors] of others) {
    const prefix = new RegExp(`^${component}[._]`)
    const own = { ...module, name: module.name.replace(prefix, ''), component }
    if (tensorNamesOf(own).every(name => tensors.has(flat(name)))) return own
  }
  return module
}

async function openAdapter(
  { path, scale = 1, expert = 0 }: AdapterOptions,
  components: readonly string[],
  others: OtherTensors,
): Promise<ModelAdapter> {
  const component = components[expert]
  if (!Number.isFinite(scale)) throw invalidRequest(`scale of ${path}`, 'a finite number', scale)
  if (component === undefined) {
    throw wrongExpert(path, expert, components.length)
  }
  const read = await readAdapter(path)
  const file = { ...read, modules: read.modules.map(module => placed(module, others)) }
  checkComponents(file, [...components, ...others.keys()])
  return { file, scale, component }
}

/** `6 modules: blocks.*.cross_attn.k_img, img_emb.proj.*`: the layers of every block are one name. */
function counted(modules: readonly string[]): string {
  const names = modules.map(name => name.replaceAll(/(?<=[._])\d+(?=[._]|$)/g, '*'))
  return `${modules.length} ${modules.length === 1 ? 'module' : 'modules'}: ${listed([...new Set(names)], 20)}`
}

/** The experts that adapters change, by their index in the facts. */
export function adaptedExperts({ facts, graphs }: Model, adapters: readonly ModelAdapter[]): number[] {
  return facts.experts.flatMap(({ graph }, expert) => {
    const { component } = graphs.find(({ name }) => name === graph)!
    return adaptersOf(component, adapters).length > 0 ? [expert] : []
  })
}

/** The parts of the adapters that change one component. */
export function adaptersOf(component: string, adapters: readonly ModelAdapter[]): ScaledAdapter[] {
  return adapters.flatMap(({ file, scale, component: meant }) => {
    const modules = file.modules.filter(module => target(module.component, meant) === component)
    return modules.length === 0 ? [] : [{ file: { ...file, modules }, scale }]
  })
}

/** Files for the second expert alone call it `transformer`, too. */
function target(named: string | undefined, meant: string): string {
  return named === undefined || named === 'transformer' ? meant : named
}

function checkComponents(file: AdapterFile, components: readonly string[]): void {
  const stray = file.modules.find(
    ({ component }) => component !== undefined && !components.includes(component),
  )
  if (stray === undefined) return
  throw new CheckpointError('checkpoint/tensors', {
    subject: `adapter ${file.path}`,
    expected: `tensors of ${components.join(' or ')}`,
    got: `${stray.component}.${stray.name}`,
    advice: 'The adapter is of a model with other parts.',
  })
}

function wrongExpert(path: string, expert: number, count: number): RequestError {
  const one = count === 1
  return invalidRequest(
    `expert of ${path}`,
    one ? '0, as the model has one expert' : `0 to ${count - 1}`,
    expert,
    one
      ? 'Give the file with --lora instead of --lora-2, or leave "expert" out.'
      : 'The first expert, 0, is that of --lora, the second, 1, that of --lora-2.',
  )
}
