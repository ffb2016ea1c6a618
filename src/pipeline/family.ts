import type { VideoGeometry } from '../geometry/video-geometry.ts'
import type { Graph } from '../graph/graph.ts'
import type { WeightSource } from '../graph/scope.ts'
import type { GraphTarget } from '../runtime/backend.ts'
import type { Guidance } from '../sampling/guidance.ts'
import type { Spacing } from '../sampling/schedules/schedule.ts'
import type { FloatDType } from '../tensor/dtype.ts'
import type { NoiseGenerator } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { TokenizerSource } from '../text/tokenizer-source.ts'
import type { TensorNames } from '../weights/adapters/adapt.ts'
import type { CausalGraphs, ClipGraphs } from './clip-graphs.ts'
import type {
  Denoiser,
  PromptsRequest,
  RunGraph,
  TextConditioning,
  VisualConditioning,
  VisualContext,
  VisualInputs,
} from './conditioning.ts'
import type { Download } from './download.ts'
import type { FieldName, FieldRecords, GeneratePlan } from './fields/request-fields.ts'
import type { Defaults, Mode, Preset, RequestFacts } from './model-facts.ts'
import type { SingleFiles } from './single-files.ts'
import type { SoundFacts } from './sound-facts.ts'
import type { Trained } from './trained.ts'

export type { GraphTarget } from '../runtime/backend.ts'
export type * from './clip-graphs.ts'
export type * from './conditioning.ts'
export type { Download, DownloadPart, StoredFormat } from './download.ts'
export type { GeneratePlan } from './fields/request-fields.ts'
export type { Defaults, Mode, Preset } from './model-facts.ts'
export type {
  AskedModel,
  FilePart,
  NeededPart,
  PartTensors,
  SingleFileModel,
  SingleFiles,
} from './single-files.ts'
export type { SoundFacts, SoundGraph } from './sound-facts.ts'

/** A kind of checkpoint: how to recognise it, and how to read it. Shared code knows families only through this. */
export interface Family {
  readonly name: string
  /** The `_class_name` values of model_index.json that it reads. */
  readonly pipelines: readonly string[]
  /** Those of them that are not diffusers' own classes of the family, and what they change. */
  readonly aliases: readonly PipelineAlias[]
  /** The kinds of checkpoints that have been published, for the documents. */
  readonly variants: readonly Variant[]
  /** Published checkpoints of the family, without their weights: to be measured where they are not at hand. */
  readonly published: readonly PublishedModel[]
  /** Where published models can be downloaded from, file by file or as a folder. @default none is known */
  readonly downloads?: readonly Download[]
  /** How models of single files are read; undefined where only folders are. */
  readonly singleFiles?: SingleFiles
  /**
   * The records of request fields that only models of the family have a use for: a `FieldGroup` of fields that are declared in
   * `FamilyFields`.
   */
  readonly fields: FieldRecords
  /**
   * Reads the configs. The networks' code is loaded with the first checkpoint of the family.
   * @throws CheckpointError for a config that this family cannot run
   */
  load(checkpoint: CheckpointConfigs): Promise<Model>
}

/** A pipeline class whose checkpoints have the network of another one. */
export interface PipelineAlias {
  /** The `_class_name` of model_index.json. */
  readonly name: string
  /** The class that it is run as. */
  readonly of: string
  /** What is different from that, for the documents. */
  readonly changes: string
}

/** A kind of checkpoint: what it can be asked for follows from its config, as in `ModelFacts`. */
export interface Variant extends Pick<ModelFacts, 'modes' | 'requires'> {
  readonly name: string
  /** Where one is: the name of a repository on the Hugging Face hub. */
  readonly repository: string
}

/** A published checkpoint, without its weights. */
export interface PublishedModel {
  readonly name: string
  /** model_index.json, without its list of components. */
  readonly index: Readonly<Record<string, unknown>>
  /** The config of every component that has one. */
  readonly components: Readonly<Record<string, object>>
  /** The float type that the weights of a component are stored in. */
  readonly stored: Readonly<Record<string, FloatDType>>
}

/** The JSON files of a checkpoint folder, or what files of weights tell in their place. */
export interface CheckpointConfigs {
  readonly folder: string
  /** The files of weights that tell the configs, by component. @default each component's folder has a config.json */
  readonly files?: Readonly<Record<string, string>> | undefined
  /** model_index.json */
  readonly index: Readonly<Record<string, unknown>>
  /** The config of every component that has one, by its name in the folder. */
  readonly components: Readonly<Record<string, unknown>>
  /** framewright.json: defaults that the checkpoint's makers recommend. */
  readonly defaults: Partial<Defaults>
  /** framewright.json: what the checkpoint was trained for, where its makers say so. */
  readonly trained?: Trained | undefined
  /** @default the folder `tokenizer` */
  readonly tokenizer?: TokenizerSource | undefined
}

/** A checkpoint that can be run: facts that shared code reads, recipes of graphs, and how they are fed. */
export interface Model {
  readonly facts: ModelFacts
  readonly graphs: readonly GraphRecipe[]
  /** Tensors that its checkpoints hold and no graph uses, by component. */
  readonly ignoredTensors: Readonly<Record<string, readonly RegExp[]>>
  /**
   * Linear layers of the transformer that keep the graph's precision where the others multiply in 8-bit floats, by their
   * weights: those that noise levels, text and latents enter and leave by, which are few and small.
   */
  readonly keepsPrecision: readonly RegExp[]
  /** What adapters may call the tensors of the transformer. */
  readonly tensorNames: TensorNames
  /** Further components that adapters may change, and what they may call their tensors. @default none */
  readonly adaptable?: Readonly<Record<string, TensorNames>>
  /**
   * Turns prompts into what the denoiser sees of them. Each graph runs for all of them before the next one does: where one
   * component is loaded at a time, each is loaded once.
   */
  conditionText(request: PromptsRequest, run: RunGraph): Promise<TextConditioning[]>
  /** Turns pictures and videos into what the denoiser sees of them. Called for requests without any, too. */
  conditionVisual(inputs: VisualInputs, context: VisualContext): Promise<VisualConditioning>
  /** Where the noise levels of a run are placed, before the scheduler shifts them. */
  spacing(steps: number): Spacing
  /**
   * How the network is fed for streams of these shapes: everything that does not change with the step is made here.
   * @param shapes of the latents of every stream, as `conditionVisual` has them
   */
  denoiser(shapes: readonly (readonly number[])[], plan: GeneratePlan): Denoiser
  /**
   * The guidance of a stream, for models that do more than a request's fields say.
   * @default the guidance of the request as it stands
   */
  guide?(guidance: Guidance, at: GuidedStream): Guidance
  /**
   * The stages that go on from the latents of the request's own, after its upsampler has enlarged them.
   * @default none
   */
  laterStages?(plan: GeneratePlan): readonly LaterStage[]
  /**
   * What the decoder takes beside the latents. Those with two axes or more end in height and width, whole multiples of the
   * latents'.
   */
  decoderFeeds(context: DecodeContext): Readonly<Record<string, Tensor>>
  /** The networks that can enlarge its finished latents, for models that take the field `upsampler`. */
  readonly upsampler?: UpsamplerFormat
}

/** A stage after the first. */
export interface LaterStage {
  /** Its size, noise levels and guidance, in place of the request's. */
  readonly plan: GeneratePlan
  /** Seed of its noise. @default the noise goes on from the stage before */
  readonly seed?: bigint
}

/** A network with a folder of its own that doubles height and width of finished latents. */
export interface UpsamplerFormat {
  /** The folder that it is in where it is published as a pipeline. */
  readonly component: string
  /** The `_class_name` of its config. */
  readonly className: string
  /** Tensors of the model that its graph uses beside its own. */
  readonly shared: { readonly component: string; readonly tensors: RegExp }
  /** Tensors that its files may hold and no graph uses. @default none */
  readonly ignored?: RegExp
  /** The config that the tensors of a file without one tell; undefined where they are no upsampler's. */
  configOf(tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>): object | undefined
  /**
   * Reads its config.
   * @returns what builds its graph: `latents` f32 [channels, frames, height, width] → `upsampled` f32 [channels, frames,
   *   2·height, 2·width], both as the denoiser has them
   * @throws CheckpointError for a config that cannot be run, or that is of another model
   */
  read(config: unknown, file: string): GraphRecipe['build']
}

/** What a guidance is for. */
export interface GuidedStream {
  /** Index into the facts' streams. */
  readonly stream: number
  /** Index into the facts' experts. */
  readonly expert: number
  readonly plan: GeneratePlan
}

export interface ModelFacts
  extends Pick<RequestFacts, 'guidanceBelowOne' | 'coveredSizes' | 'covers' | 'countedFromEnd'> {
  readonly family: string
  /**
   * What is denoised together, each with latents and noise levels of its own, in the order that their noise is drawn in.
   * The first is the video.
   */
  readonly streams: readonly [string, ...string[]]
  readonly geometry: VideoGeometry
  readonly latentChannels: number
  readonly defaults: Defaults
  /** What it was trained for, where the checkpoint says so. */
  readonly trained: Trained | undefined
  /** Tokens that a prompt is padded or cut to, unless a request says otherwise, and the most it may ask for. */
  readonly textTokens: number
  /** scheduler_config.json */
  readonly scheduler: unknown
  /**
   * Whether noise levels that a request names are the run's as they stand: neither shifted nor stretched.
   * @default false
   */
  readonly keepsLevels?: boolean
  /** The networks that share the steps, from the noisiest on. */
  readonly experts: readonly [Expert, ...Expert[]]
  readonly decoder: ClipGraphs
  readonly tiledDecoder: TiledDecoder
  /** Its sound, for models that make one. */
  readonly sound?: SoundFacts
  /** The graphs that encode one, where that is done in chunks. */
  readonly encoder: CausalGraphs | undefined
  /** What a request can ask for, and what it has to. */
  readonly modes: readonly Mode[]
  readonly requires: readonly Mode[]
  /** Settings of few-step models and adapters of its kind. @default none */
  readonly presets?: readonly Preset[]
  /** Fields of a request that not every model has a use for, of which this one does. */
  readonly takes: readonly FieldName[]
  /** For kinds of models that are not checked in full: which, and what is not, as half a sentence. @default it is */
  readonly experimental?: string
}

/**
 * The decoder in two parts, so that the second can be run tile by tile: in the stem a pixel may see the whole picture, in
 * the rest it sees its surroundings. What the stem gives, `features`, ends in height and width of the latents.
 */
export interface TiledDecoder {
  readonly stem: ClipGraphs
  readonly rest: ClipGraphs
  /** Latents beyond the edge of a tile that a pixel of the rest depends on, as far as it can be seen. */
  readonly context: number
}

export interface DecodeContext {
  /** [channels, frames, height, width] */
  readonly latents: Tensor
  readonly noise: NoiseGenerator
  readonly plan: GeneratePlan
}

export interface Expert {
  readonly graph: string
  /** It runs the steps at this timestep and above that no expert before it runs. */
  readonly fromTimestep: number
  /** It runs steps below this timestep alone. @default any */
  readonly belowTimestep?: number
}

export interface GraphRecipe {
  readonly name: string
  /** The folder of the checkpoint that its weights are in. */
  readonly component: string
  readonly role: 'text-encoder' | 'transformer' | 'vae'
  /**
   * The part of its component that it is of. The graphs of a part are built together, so that all of its tensors are accounted
   * for; other parts, which a run may have no use for, are not. Parts may share tensors. @default the whole component
   */
  readonly part?: ComponentPart
  /** Of a graph that a checkpoint may come without. */
  readonly optional?: OptionalGraph
  /** The graphs of a model that are run together are built for the same target. */
  build(weights: WeightSource, precision: FloatDType, target?: GraphTarget): Graph
}

export interface ComponentPart {
  readonly name: string
  /** Matches the tensors that its graphs use. */
  readonly tensors: RegExp
}

/** What tells that a checkpoint comes without a graph, and what cannot be asked for then. */
export interface OptionalGraph {
  /** Matches a tensor where the graph is there. */
  readonly tensors: RegExp
  /** Tensors of no use without the graph, which a checkpoint may hold all the same. */
  readonly leftovers: readonly RegExp[]
  readonly modes: readonly Mode[]
}
