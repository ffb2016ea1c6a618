import { z } from 'zod'
import { layerFormats } from './formats/layer-formats.ts'
import type { TensorLocation } from './tensor-location.ts'

/** What says whether weights are quantised: their tensors, the free text of their files, their component's config. */
export interface QuantizationSource {
  readonly tensors: ReadonlyMap<string, Pick<TensorLocation, 'key' | 'dtype' | 'shape'>>
  readonly metadata?: ReadonlyMap<string, string>
  /** config.json of the component, where there is one. */
  readonly config?: unknown
}

/**
 * The name of the kind that weights are quantised in, as its tools call it; undefined for plain floats, of any width.
 * The config has the first say, then the names of the tensors that only that kind has, then their dtypes.
 */
export function quantizationOf({ tensors, metadata, config }: QuantizationSource): string | undefined {
  const keys = [...tensors.keys()]
  const marked = markers.find(({ key }) => keys.some(each => key.test(each)))
  return fromConfig(config) ?? fromMetadata(metadata) ?? marked?.name ?? fromDtypes([...tensors.values()])
}

/**
 * Why the weights of components cannot be run, as half a sentence; undefined where they are plain floats, or in formats that are
 * read.
 * @param configs config.json of the components that have one
 */
export function quantizedIn(
  weights: ReadonlyMap<string, Pick<QuantizationSource, 'tensors' | 'metadata'>>,
  configs: Readonly<Record<string, unknown>>,
): string | undefined {
  const quantized = [...weights].flatMap(([name, { tensors, metadata = new Map() }]) => {
    // A method whose weights are read is no obstacle: what the files hold says whether they are quantised.
    const config = isReadMethod(configs[name]) ? undefined : configs[name]
    const kind = quantizationOf({ tensors, metadata, config })
    return kind === undefined ? [] : [`${kind} in ${name}`]
  })
  return quantized.length === 0 ? undefined : `quantised weights: ${quantized.join(', ')}`
}

const quantizationConfig = z.looseObject({
  quantization_config: z.looseObject({
    quant_method: z.string().optional(),
    quant_algo: z.string().optional(),
    quant_type: z.unknown().optional(),
    weights_dtype: z.string().optional(),
    load_in_4bit: z.boolean().optional(),
    bnb_4bit_quant_type: z.string().optional(),
  }),
})

/** Whether a component's config says that its weights are in a format whose layers are read by the tensors themselves. */
function isReadMethod(config: unknown): boolean {
  const method = quantizationConfig.safeParse(config).data?.quantization_config.quant_method
  return method !== undefined && layerFormats.some(({ methods }) => methods?.includes(method))
}

/** transformers and diffusers write the method, and details of it, into config.json. */
function fromConfig(config: unknown): string | undefined {
  const parsed = quantizationConfig.safeParse(config)
  if (!parsed.success) return undefined
  const { quant_method, quant_algo, quant_type, weights_dtype, load_in_4bit, bnb_4bit_quant_type } =
    parsed.data.quantization_config
  const method = quant_method ?? quant_algo ?? 'an unnamed method'
  if (method === 'bitsandbytes')
    return `bitsandbytes ${load_in_4bit ? (bnb_4bit_quant_type ?? 'fp4') : 'int8'}`
  const detail = [quant_type, quant_algo, weights_dtype].find(
    each => typeof each === 'string' && each !== method,
  )
  return detail === undefined ? method : `${method} ${detail}`
}

const layers = z.looseObject({ layers: z.record(z.string(), z.unknown()) })

/** ComfyUI keeps a map of layers in the header, torchao the names of the tensors that it took apart. */
function fromMetadata(metadata: ReadonlyMap<string, string> = new Map()): string | undefined {
  const comfy = metadata.get('_quantization_metadata')
  if (comfy !== undefined) {
    const formats = Object.values(layers.safeParse(jsonOf(comfy)).data?.layers ?? {}).map(formatOf)
    return `ComfyUI ${[...new Set(formats)].join(', ') || 'quantised layers'}`
  }
  return metadata.has('tensor_names') ? 'torchao' : undefined
}

function formatOf(layer: unknown): string {
  if (typeof layer === 'string') return layer
  return z.object({ format: z.string() }).safeParse(layer).data?.format ?? 'quantised layers'
}

/** Tensors that one kind alone has beside, or in place of, a layer's `weight`. */
const markers: readonly { readonly key: RegExp; readonly name: string }[] = [
  { key: /\.quant_state\.bitsandbytes__nf4$/, name: 'bitsandbytes nf4' },
  { key: /\.quant_state\.bitsandbytes__fp4$/, name: 'bitsandbytes fp4' },
  { key: /\.(?:absmax|quant_map)$/, name: 'bitsandbytes 4-bit' },
  { key: /\.SCB$/, name: 'bitsandbytes int8' },
  { key: /\.(?:wscales|smooth_factor|smooth|proj_down)$/, name: 'SVDQuant (nunchaku)' },
  { key: /\.(?:qweight|qzeros)$/, name: 'GPTQ or AWQ' },
  { key: /\.weight_packed$/, name: 'compressed-tensors' },
  { key: /(?:\._weight_qdata|\.weight_qdata|:_data)$/, name: 'torchao' },
  { key: /\.weight\._(?:data\._data|shift)$/, name: 'quanto int4 or int2' },
  { key: /\.weight\._(?:data|scale)$/, name: 'incomplete quanto' },
  { key: /\.weight_scale_2$/, name: 'NVFP4' },
  { key: /\.weight_scale_inv$/, name: 'block-scaled fp8' },
]

const fp8 = ['f8e4m3', 'f8e5m2']

function fromDtypes(tensors: readonly Pick<TensorLocation, 'key' | 'dtype' | 'shape'>[]): string | undefined {
  const scaled = tensors.some(({ key }) => /(?:^|\.)scaled_fp8$|\.(?:scale_weight|weight_scale)$/.test(key))
  const matrices = tensors.filter(({ key, shape }) => key.endsWith('weight') && shape.length > 1)
  const stored = (dtypes: readonly string[]) => matrices.some(({ dtype }) => dtypes.includes(dtype))
  if (stored(fp8)) return scaled ? 'scaled fp8' : undefined
  if (stored(['i8'])) return 'int8'
  if (stored(['u8'])) return 'packed 4-bit or 8-bit integers'
  return scaled ? 'scaled fp8' : undefined
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
