/** Where the parts of a published model can be downloaded from, and how they are stored there. */

/** A way to store the matrices of a network's layers, by the name that its files have. */
export type StoredFormat = 'bf16' | 'f16' | 'f32' | 'fp8' | 'Q8_0' | 'Q4_K_M'

/** One download of a published model. */
export interface Download {
  /** Of `Family.published`. */
  readonly model: string
  /** For people: `Wan 2.1 T2V 14B`. */
  readonly title: string
  /** A repository in the diffusers layout, or a file, by component: as `models pull` takes them. */
  readonly parts: { readonly [component: string]: DownloadPart }
}

export interface DownloadPart {
  /** `owner/name`, or `owner/name/path` of a file. */
  readonly id: string
  /** @default as the model was published */
  readonly format?: StoredFormat
}
