import { join } from 'node:path'
import { CheckpointError, RequestError } from '../errors.ts'
import { adaptationsOf, type ScaledAdapter } from '../weights/adapters/adapt.ts'
import { type AdapterFile, readAdapter } from '../weights/adapters/adapter-file.ts'
import { openWeights } from '../weights/checkpoint.ts'
import type { Checkpoint } from './checkpoint.ts'

/** A LoRA file for an engine. */
export interface AdapterOptions {
  /** A .safetensors file. */
  readonly path: string
  /** How strongly it counts; 1 unless given, negative turns it around. */
  readonly scale?: number
  /** The expert that it was made for, from 0; for models with two. Names in the file that say `transformer_2` win. */
  readonly expert?: number
}

/** An adapter, and the component of the checkpoint that it belongs to where its names do not say. */
export interface ModelAdapter extends ScaledAdapter {
  readonly component: string
}

/**
 * Reads the headers of adapters' files.
 * @throws RequestError for a scale or an expert that cannot be; CheckpointError for a file that is no LoRA
 */
export async function openAdapters(
  options: readonly AdapterOptions[],
  { model }: Checkpoint,
): Promise<ModelAdapter[]> {
  const components = model.facts.experts.map(({ graph }) => {
    return model.graphs.find(({ name }) => name === graph)!.component
  })
  return await Promise.all(
    options.map(async ({ path, scale = 1, expert = 0 }) => {
      const component = components[expert]
      if (!Number.isFinite(scale)) throw invalid(`scale of ${path}`, 'a finite number', scale)
      if (component === undefined) {
        const last = components.length - 1
        throw invalid(`expert of ${path}`, last === 0 ? '0: the model has one' : `0 to ${last}`, expert)
      }
      const file = await readAdapter(path)
      checkComponents(file, components)
      return { file, scale, component }
    }),
  )
}

/**
 * Checks that adapters are of a checkpoint, from headers alone.
 * @throws what `openAdapters` throws; CheckpointError for tensors that the checkpoint has not, or in other shapes
 */
export async function checkAdapters(
  options: readonly AdapterOptions[],
  checkpoint: Checkpoint,
): Promise<void> {
  const adapters = await openAdapters(options, checkpoint)
  const { model, folder } = checkpoint
  for (const component of new Set(model.graphs.map(graph => graph.component))) {
    const own = adaptersOf(component, adapters)
    if (own.length > 0) {
      adaptationsOf(own, await openWeights(join(folder, component)), model.tensorNames)
    }
  }
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

function invalid(subject: string, expected: string, got: number): RequestError {
  return new RequestError('request/invalid', { subject, expected, got: String(got) })
}
