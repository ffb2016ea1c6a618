/** Models whose parts are single files, each under the names that its makers gave the tensors. */
import type { TokenizerSource } from '../text/tokenizer-source.ts'
import type { TensorFile } from '../weights/formats/read-tensor-file.ts'
import type { TensorLocation } from '../weights/tensor-location.ts'

/** The tensors of one part in a file, without the prefix that tells it from others in the same file. */
export interface PartTensors {
  readonly file: TensorFile
  readonly tensors: ReadonlyMap<string, TensorLocation>
}

/** A component of a model, as its tensors tell. */
export interface FilePart {
  /** As model_index.json names it: `transformer`, `text_encoder`, `vae`, `image_encoder`. */
  readonly component: string
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
  /** For people: `UMT5 text encoder of width 4096`. */
  readonly what: string
  /** A repository with one, for advice. */
  readonly repository: string
  /** A file of the repository that has one. */
  readonly file: string
  fits(part: FilePart): boolean
}

/** The model that a transformer is of, as far as its tensors tell, and what is assumed where they do not. */
export interface SingleFileModel {
  /** model_index.json, without its list of components, for a model of these parts by component. */
  index(parts: ReadonlyMap<string, FilePart>): Readonly<Record<string, unknown>>
  /** Configs of components without weights, such as the scheduler, for a model of these parts by component. */
  configs(parts: ReadonlyMap<string, FilePart>): Readonly<Record<string, object>>
  readonly needs: readonly NeededPart[]
  /** Folders of repositories that hold the tokenizer, `owner/name` or `owner/name/folder`. */
  readonly tokenizers: readonly [string, ...string[]]
  /** What the tensors do not tell, with its source, as sentences. */
  readonly assumed: readonly string[]
}

/** How a family reads single files. */
export interface SingleFiles {
  /** The component that tensors are; undefined for none of the family's. */
  part(tensors: PartTensors): FilePart | undefined
  /**
   * @param transformers one, or the experts of high and of low noise
   * @throws CheckpointError `checkpoint/config` for one that needs another beside it
   */
  model(transformers: readonly [FilePart, ...FilePart[]]): SingleFileModel
}
