/**
 * What ComfyUI says of quantised layers (`comfy/utils.py`, `comfy/ops.py`): a tensor `<layer>.comfy_quant` with JSON in
 * its bytes, or JSON by layer in the header. Older files hold a tensor `scaled_fp8` that only says that there are scales.
 */
import { z } from 'zod'
import { CheckpointError } from '../../errors.ts'
import { wrongField } from '../../schema-issue.ts'
import { readTensor } from '../read-tensor.ts'
import type { SafetensorsFile, TensorLocation } from '../tensor-location.ts'
import { downloadAgain } from '../weights-file.ts'
import type { LayerMarker } from './layer-format.ts'
import { isFloat8Marker, withoutPrefix } from './marker-names.ts'
import { storedAs, unusable } from './scales.ts'

/** A marker has some tens of bytes; more is no marker. */
const maxMarkerBytes = 65_536

const markerSchema = z.union([
  z.string().transform(format => ({ format, options: {} })),
  z.looseObject({ format: z.string(), params: z.looseObject({}).optional() }).transform(marker => {
    const { format, params, ...options } = marker
    return { format, options: { ...params, ...options } }
  }),
])

const headerSchema = z.looseObject({ layers: z.record(z.string(), markerSchema) })

/** The header's map of layers and their formats. */
const layerMap = '_quantization_metadata'

/** The free text of a header without the map of layers whose formats were read. */
export function withoutLayerMap(metadata: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...metadata].filter(([name]) => name !== layerMap))
}

export interface Markers {
  of(layer: string): LayerMarker | undefined
  /** Keys of the tensors that were markers. */
  readonly keys: ReadonlySet<string>
}

/** @throws CheckpointError `checkpoint/tensors` or `checkpoint/corrupt` for a marker that cannot be read */
export async function readMarkers(files: readonly SafetensorsFile[]): Promise<Markers> {
  const keys = new Set<string>()
  const byLayer = new Map(files.flatMap(file => [...headerMarkers(file)]))
  for (const tensor of files.flatMap(file => [...file.tensors.values()])) {
    if (isFloat8Marker(tensor.key)) {
      checkFloat8Marker(tensor)
      keys.add(tensor.key)
    }
    if (!tensor.key.endsWith('.comfy_quant')) continue
    byLayer.set(withoutPrefix(tensor.key.slice(0, -'.comfy_quant'.length)), await markerIn(tensor))
    keys.add(tensor.key)
  }
  return { keys, of: layer => byLayer.get(withoutPrefix(layer)) }
}

function headerMarkers(file: SafetensorsFile): Map<string, LayerMarker> {
  const text = file.metadata.get(layerMap)
  if (text === undefined) return new Map()
  const json = jsonOf(text)
  const read = headerSchema.safeParse(json)
  if (read.success) {
    const entries = Object.entries(read.data.layers)
    return new Map(entries.map(([layer, marker]) => [withoutPrefix(layer), marker]))
  }
  const { field, ...what } = wrongField(read.error, json, headerSchema)
  throw new CheckpointError('checkpoint/corrupt', {
    subject: [`${file.path}: __metadata__._quantization_metadata`, field].filter(Boolean).join('.'),
    ...what,
    advice: downloadAgain,
  })
}

async function markerIn(tensor: TensorLocation): Promise<LayerMarker> {
  if (tensor.dtype !== 'u8' || tensor.bytes > maxMarkerBytes) {
    throw unusable(
      tensor,
      `up to ${maxMarkerBytes} bytes of JSON`,
      `${tensor.bytes} bytes of ${tensor.dtype}`,
    )
  }
  const { data } = await readTensor(tensor)
  const text = Buffer.from(data as Uint8Array).toString('utf8')
  const read = markerSchema.safeParse(jsonOf(text))
  if (read.success) return read.data
  throw unusable(tensor, 'JSON with a format', JSON.stringify(text.slice(0, 80)))
}

/** Its dtype is that of the layers, or f32; it has no elements, or two where products are to be in full precision. */
function checkFloat8Marker(tensor: TensorLocation): void {
  const { dtype, shape } = tensor
  const sizes = [0, 1, 2]
  if (shape.length <= 1 && sizes.includes(shape[0] ?? 1) && /^(?:f8e4m3|f8e5m2|f32)$/.test(dtype)) return
  throw unusable(tensor, 'an fp8 or f32 marker of up to 2 elements', storedAs(tensor))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
