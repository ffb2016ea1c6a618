/** Models whose parts are single files, each under the names that its makers gave the tensors. */
import type { TokenizerSource } from '../text/tokenizer-source.ts'
import type { TensorFile } from '../weights/formats/read-tensor-file.ts'
import type { TensorLocation } from '../weights/tensor-location.ts'

/** The tensors of one part in a file, without the prefix that tells it from others in the same file. */
export interface PartTensors {
  readonly file: TensorFile
  readonly tensors: ReadonlyMap<string, TensorLocation>
  /**
   * What config.json beside the file holds; undefined where there is none. It may be of another file of the folder: a
   * family looks whether its sizes are those of the tensors.
   */
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

/** A component of a model, as its tensors tell. */
export interface FilePart {
  /** As model_index.json names it: `transformer`, `text_encoder`, `vae`, `image_encoder`. */
  readonly component: string
  /** Its name among the pieces of the component, where files may hold them apart. @default the part is the component */
  readonly piece?: string
  /** The library and class that it is listed with. */
  readonly listed: readonly [library: string, className: string]
  /** What config.json would hold. */
  readonly config: Readonly<Record<string, unknown>>
  /** By the names that the family's graphs use. */
  readonly tensors: ReadonlyMap<string, TensorLocation>
  /** Where the file brings it along, as text encoders may. */
  readonly tokenizer?: TokenizerSource
}

/** What a model needs beside its transformer. */
export interface NeededPart {
  readonly component: string
  /** As `FilePart.piece`. */
  readonly piece?: string
  /** For people: `UMT5 text encoder of width 4096`. */
  readonly what: string
  /** A repository with one, for advice. */
  readonly repository: string
  /** A file of the repository that has one. */
  readonly file: string
  fits(part: FilePart): boolean
  /** A part that is needed before, in whose file this one is looked for first: they are published together. */
  readonly beside?: Pick<FilePart, 'component' | 'piece'>
}

/** The name of a part among those of a model: `vae`, or `connectors.projection` for a piece. */
export function partName({ component, piece }: Pick<FilePart, 'component' | 'piece'>): string {
  return piece === undefined ? component : `${component}.${piece}`
}

/** The model that a transformer is of, as far as its tensors tell, and what is assumed where they do not. */
export interface SingleFileModel {
  /** For people: `LTX-2.3`, as far as the tensors tell. */
  readonly variant: string
  /** model_index.json, without its list of components, for a model of these parts by `partName`. */
  index(parts: ReadonlyMap<string, FilePart>): Readonly<Record<string, unknown>>
  /**
   * Configs of components without weights, such as the scheduler, and fields of others that follow from several parts,
   * for a model of these parts by `partName`.
   */
  configs(parts: ReadonlyMap<string, FilePart>): Readonly<Record<string, object>>
  readonly needs: readonly NeededPart[]
  /** Folders of repositories that hold the tokenizer, `owner/name` or `owner/name/folder`. */
  readonly tokenizers: readonly [string, ...string[]]
  /** What the tensors do not tell, with its source, as sentences. */
  readonly assumed: readonly string[]
}

/** How a family reads single files. */
export interface SingleFiles {
  /** The parts that tensors are; none where they are not of the family. */
  parts(tensors: PartTensors): readonly FilePart[]
  /**
   * @param transformers one, or the experts of high and of low noise
   * @param asked what was said of the model beside its files
   * @throws CheckpointError `checkpoint/config` for one that needs another beside it
   */
  model(transformers: readonly [FilePart, ...FilePart[]], asked: AskedModel): SingleFileModel
}

/** What a caller says of a model of single files. */
export interface AskedModel {
  /** The pipeline class to run it as. */
  readonly pipeline?: string | undefined
  /** Components whose files are given. */
  readonly given: ReadonlySet<string>
}
