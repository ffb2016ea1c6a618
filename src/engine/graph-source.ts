import path from 'node:path'
import { RequestError } from '../errors.ts'
import { castOnce } from '../graph/cast-once.ts'
import type { Graph } from '../graph/graph.ts'
import { withIntegerProducts } from '../graph/integer-products.ts'
import { withLateCasts } from '../graph/late-casts.ts'
import { withRoundedResults } from '../graph/rounded-results.ts'
import { serialize } from '../graph/serialize.ts'
import { weightBytesOf } from '../graph/session-memory.ts'
import { standardGraph } from '../graph/standard-dialect.ts'
import { memoize } from '../memoize.ts'
import type { GraphRecipe } from '../pipeline/family.ts'
import type { GraphModel, GraphTarget } from '../runtime/backend.ts'
import { isNative } from '../runtime/choose-backend.ts'
import { addsIn32Bits } from '../runtime/cpu-features.ts'
import { type Device, keyMultipleOn, parseDeviceName, parseDevices } from '../runtime/device.ts'
import { foldLimitBytes, needsPrivateCopy } from '../runtime/session-config.ts'
import type { FloatDType } from '../tensor/dtype.ts'
import { adaptationsOf } from '../weights/adapters/adapt.ts'
import type { Weights } from '../weights/checkpoint.ts'
import { WeightLedger } from '../weights/scope.ts'
import { adaptersOf, type ModelAdapter, namesOf } from './adapters.ts'
import type { Checkpoint } from './checkpoint.ts'
import { ComponentFiles } from './component-files.ts'
import { checkExported, exportedGraphs } from './exported-graphs.ts'
import { checkFloat8, float8Kernels, float8Layers } from './float8-layers.ts'
import { engineKey } from './graph-digest.ts'

/** Gives the graphs of a checkpoint by name. */
export interface GraphSource {
  /**
   * A graph to open a session of.
   * @param target the backend of the sessions @default the usual one of the device, without kernels
   * @throws CheckpointError `checkpoint/changed` where its files are not those that were opened, `checkpoint/tensors` where
   *   scales in them are no finite numbers
   */
  load(graph: string, target?: GraphTarget): Promise<GraphModel>
  /**
   * The graph with its types and shapes, without kernels but for those that the precision needs; where it was exported, as it
   * was then.
   */
  graph(name: string): Promise<Graph>
  recipe(graph: string): GraphRecipe
  /** Attention with a bias is given keys in multiples of this on the device. */
  readonly keyMultiple: number
  /** The files that the weights of graphs are in. */
  readonly files: ComponentFiles
  /** Adds a graph of a component that is not the checkpoint's, once. */
  add(recipe: GraphRecipe, weights: Weights): void
}

/**
 * What a network computes in. `int8`, on a CPU, rounds the linear layers of the denoising network to 8-bit integers; `fp8`
 * rounds them to 8-bit floats: on a GPU with our kernels, on a CPU to see what that costs in quality.
 */
export type ComputePrecision = FloatDType | 'int8' | 'fp8'

export interface Precision {
  readonly device: Device
  /** What the caller asked for. @default the component's own */
  readonly requested: ComputePrecision | undefined
}

/** Graphs that are built over the weights, or read where they were exported. */
export function graphSource(
  checkpoint: Checkpoint,
  precision: Precision,
  adapters: readonly ModelAdapter[] = [],
): GraphSource {
  const { device, requested } = precision
  let whole = checkpoint
  const recipe = (name: string) => {
    const found = whole.model.graphs.find(each => each.name === name)
    if (!found) throw new TypeError(`graph: expected one of the model's, got ${name}.`)
    return found
  }
  if (checkpoint.exported) checkExported(checkpoint.exported, requested, adapters)
  const usual = checkpoint.exported
    ? {}
    : {
        residentsInPlace: device.type === 'cpu' || isNative(device),
        // Those that the precision needs, before a backend says which it has.
        ...(requested === 'fp8' && device.type === 'cuda' && { kernels: float8Kernels }),
      }
  const parts = memoize(
    ({ of, target }: { readonly of: GraphRecipe; readonly target: GraphTarget }) =>
      buildPart(whole, of, precision, { adapters, target }),
    ({ of: { component, part }, target: { residentsInPlace, kernels = [] } }) =>
      JSON.stringify([component, part?.name, residentsInPlace, ...kernels]),
  )
  const build = async (name: string, target: GraphTarget) =>
    (await parts({ of: recipe(name), target })).get(name)!
  const files = new ComponentFiles(
    () => whole.weights,
    adapters.map(({ file }) => file.stamp),
  )
  const load = checkpoint.exported
    ? exportedGraphs(checkpoint)
    : async (name: string, target: GraphTarget = usual) => {
        const { component, role } = recipe(name)
        if (role === 'transformer' && requested === 'fp8') await checkFloat8(device, target)
        if (takesTensorRt(device, role)) {
          // It takes whole networks of standard operators, and casts weights itself when it builds an engine.
          const graph = await build(name, usual)
          const key = await engineKey(graph, name, whole.weights.get(component)!)
          return { ...plainModel(standardGraph(graph), name), tensorRt: { precision: graph.precision, key } }
        }
        return graphModel(await build(name, target), name, device)
      }
  return {
    recipe,
    keyMultiple: keyMultipleOn(device),
    files,
    graph: name => build(name, usual),
    add(recipe, weights) {
      if (!whole.weights.has(recipe.component)) whole = withGraph(whole, recipe, weights)
    },
    async load(name, target) {
      await files.beforeOpening(recipe(name).component)
      return await load(name, target)
    },
  }
}

function withGraph(checkpoint: Checkpoint, recipe: GraphRecipe, weights: Weights): Checkpoint {
  return {
    ...checkpoint,
    model: { ...checkpoint.model, graphs: [...checkpoint.model.graphs, recipe] },
    weights: new Map([...checkpoint.weights, [recipe.component, weights]]),
  }
}

interface BuildOptions {
  readonly adapters?: readonly ModelAdapter[]
  readonly target?: GraphTarget
}

/** The graphs of the part that a recipe is of. */
export async function buildPart(
  checkpoint: Checkpoint,
  { component, part }: GraphRecipe,
  precision: Precision,
  { adapters = [], target }: BuildOptions = {},
): Promise<ReadonlyMap<string, Graph>> {
  const weights = checkpoint.weights.get(component)
  if (!weights) throw new TypeError(`component: expected one with weights, got ${component}.`)
  const { graphs: all, ignoredTensors } = checkpoint.model
  const adaptations =
    adapters.length === 0
      ? new Map()
      : adaptationsOf(adaptersOf(component, adapters), weights, namesOf(checkpoint.model, component))
          .adaptations
  const recipes = all.filter(each => each.component === component)
  const others = recipes.flatMap(each => (each.part && each.part.name !== part?.name ? [each.part] : []))
  const isOfOthers = (key: string) =>
    !part?.tensors.test(key) && others.some(({ tensors }) => tensors.test(key))
  const own = [...adaptations].filter(([key]) => !isOfOthers(key))
  const ledger = new WeightLedger(weights, new Map(own))
  const graphs = recipes
    .filter(each => each.part?.name === part?.name)
    .map(recipe => {
      const dtype = precisionOf(recipe.role, precision)
      const products = recipe.role === 'transformer' ? precision.requested : undefined
      const layers = products === 'fp8' ? { inFloat8: float8Layers(checkpoint.model) } : {}
      const graph = recipe.build(ledger.graph(recipe.name, layers), dtype, target)
      return [recipe.name, products === 'int8' ? rounded(graph) : withRoundedResults(graph)] as const
    })
  ledger.assertAllUsed({
    ignored: [...(ignoredTensors[component] ?? []), ...ledger.unused().filter(isOfOthers)],
  })
  return new Map(graphs)
}

function rounded(graph: Graph): Graph {
  const mapped = isMapped(graph)
  const inputBits = addsIn32Bits() ? 8 : 7
  return withIntegerProducts(mapped ? withLateCasts(graph) : graph, { mapped, inputBits })
}

/** Whether a CPU leaves the weights in their files. */
function isMapped(graph: Graph): boolean {
  return !needsPrivateCopy({ weightBytes: weightBytesOf(graph) })
}

function graphModel(graph: Graph, name: string, device: Device): GraphModel {
  if (device.type === 'cpu') return plainModel(isMapped(graph) ? withLateCasts(graph) : graph, name)
  const split = castOnce(graph, { leaveBytes: foldLimitBytes })
  if (!split) return plainModel(graph, name)
  const casts = split.casts.map(each => plainModel(each, each.name))
  return { ...plainModel(graph, name), castOnce: { bytes: plainModel(split.graph, name).bytes, casts } }
}

/** Whether TensorRT runs the graphs of a role on a device. */
function takesTensorRt(device: Device, role: GraphRecipe['role']): boolean {
  if (device.type === 'cpu' || device.tensorRt === undefined) return false
  return device.tensorRt === 'all' || role === 'vae'
}

function plainModel(graph: Graph, name: string): GraphModel {
  // Locations are real paths, relative to the root: the runtime refuses absolute ones and follows no links.
  const locate = memoize((file: string) => path.relative('/', file))
  const bytes = serialize(graph, { locate })
  return { name, bytes, weightsFolder: '/', weightBytes: weightBytesOf(graph) }
}

const onCpu: readonly (string | undefined)[] = ['f32', 'int8', 'fp8', undefined]

/**
 * The float type that a component computes in. On a CPU always f32: it has no bf16 arithmetic, and f16 is slower.
 * On a GPU the transformer and the text encoder take bf16, as they were trained, and the VAE f16.
 * @throws RequestError for one that the device does not compute in
 */
function precisionOf(role: GraphRecipe['role'], precision: Precision): FloatDType {
  checkPrecision(precision)
  const { device, requested } = precision
  if (device.type === 'cpu' || requested === 'f32') return 'f32'
  return role === 'vae' || requested === 'f16' ? 'f16' : 'bf16'
}

/** @throws RequestError for a precision that no device of the kind computes in */
function checkPrecision({ device, requested }: Precision): void {
  const cpu = device.type === 'cpu'
  if (cpu ? !onCpu.includes(requested) : requested === 'int8') {
    throw new RequestError('request/unsupported', {
      subject: 'precision',
      expected: cpu ? 'f32, int8 or fp8 on a CPU' : 'bf16, f16, f32 or fp8 on a GPU',
      got: String(requested),
      advice: cpu ? 'Weights stored in 16 bits are computed in f32 there.' : 'Integers are for CPUs.',
    })
  }
}

/**
 * The devices that a text names, to compute in a precision.
 * @throws as `parseDevices`, and RequestError for a precision of another kind of device: it is said before what a GPU needs
 *   that this machine lacks
 */
export function devicesFor(
  text: string,
  requested: ComputePrecision | undefined,
): readonly [Device, Device?] {
  for (const name of text === 'auto' ? [] : text.split(',')) {
    checkPrecision({ device: parseDeviceName(name), requested })
  }
  return parseDevices(text)
}
