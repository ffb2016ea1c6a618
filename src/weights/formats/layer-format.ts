import type { TensorLocation } from '../tensor-location.ts'

/** A tensor of a .safetensors file that may be quantised, with what stands beside it. */
export interface StoredLayer {
  /** `blocks.0.ffn.0` of `blocks.0.ffn.0.weight`; the whole key of a tensor that is no weight. */
  readonly name: string
  readonly weight: TensorLocation
  /** What the file says of the layer; undefined where it says nothing. */
  readonly marker: LayerMarker | undefined
  /** The tensor `<name>.<suffix>` under the first of the suffixes that there is; it counts as used. */
  beside(...suffixes: readonly string[]): TensorLocation | undefined
}

/** What ComfyUI writes about a quantised layer: the name of its format, and options. */
export interface LayerMarker {
  readonly format: string
  readonly options: Readonly<Record<string, unknown>>
}

/** A way to store the weight of a layer in fewer bits, in a .safetensors file. */
export interface LayerFormat {
  /** The values of a marker's `format`. */
  readonly markers: readonly string[]
  /** The values of `quantization_config.quant_method` in the config.json of a component that say the same. @default none */
  readonly methods?: readonly string[]
  /**
   * What the key of a layer's elements ends with, such as `int8_weight`: models find the layer as `<name>.weight`.
   * @default elements have the key that models have for them
   */
  readonly suffix?: string
  /** Whether a layer without a marker is of the format. */
  matches(layer: StoredLayer): boolean
  /**
   * The weight with its encoding, which has used every tensor beside it.
   * @throws CheckpointError `checkpoint/tensors` for scales of another shape, dtype or value than the format's
   */
  read(layer: StoredLayer): Promise<TensorLocation>
}
