import { CheckpointError } from '../../errors.ts'
import type { SafetensorsFile, TensorLocation } from '../tensor-location.ts'
import { readMarkers } from './comfy-markers.ts'
import type { LayerFormat, LayerMarker, StoredLayer } from './layer-format.ts'
import { layerFormats } from './layer-formats.ts'
import { unusable } from './scales.ts'

/**
 * The tensors of the .safetensors files of one component as a model takes them: weights of a known format with their
 * encoding, without the scales and markers that belong to them; all others as they are. A layer may be spread over files.
 * @throws CheckpointError `checkpoint/tensors` for a marker of an unknown format, scales that do not fit, or two weights of
 *   one layer
 */
export async function readLayers(
  files: readonly SafetensorsFile[],
): Promise<ReadonlyMap<string, TensorLocation>> {
  const tensors = new Map(files.flatMap(file => [...file.tensors]))
  const markers = await readMarkers(files)
  const used = new Set([...markers.keys, ...activationScales(tensors)])
  const encoded = new Map<string, TensorLocation>()
  for (const weight of tensors.values()) {
    if (markers.keys.has(weight.key)) continue
    const { key, name, formats } = placeOf(weight.key)
    const marker = weight.key.endsWith('.weight') ? markers.of(name) : undefined
    const taken: string[] = []
    const layer: StoredLayer = {
      name,
      weight,
      marker,
      beside: (...suffixes) => {
        const found = suffixes.flatMap(suffix => tensors.get(`${name}.${suffix}`) ?? [])[0]
        if (found) taken.push(found.key)
        return found
      },
    }
    const format = formatOf(layer, formats)
    if (!format) continue
    if (key !== weight.key && tensors.has(key)) throw unusable(weight, `no ${key} beside it`, 'both')
    encoded.set(weight.key, { ...(await format.read(layer)), key })
    for (const each of taken) used.add(each)
  }
  const rest = [...tensors.values()].filter(({ key }) => !used.has(key))
  return new Map(rest.map(tensor => encoded.get(tensor.key) ?? tensor).map(tensor => [tensor.key, tensor]))
}

/**
 * Scales of what a layer takes and gives, for products of 8 bits: nothing is rounded before and after a layer here, so they are
 * not used. ComfyUI's and ModelOpt's quantised layers have one of their input; optimum-quanto's `QModuleMixin` writes both for
 * every layer, those whose weights stay in floats too.
 */
function activationScales(tensors: ReadonlyMap<string, TensorLocation>): string[] {
  return [...tensors.keys()].filter(key => {
    const [, layer] = /^(.*)\.(?:input_scale|scale_input|activation_scale|output_scale)$/.exec(key) ?? []
    return layer !== undefined && weightSuffixes.some(suffix => tensors.has(`${layer}.${suffix}`))
  })
}

const weightSuffixes = ['weight', ...layerFormats.flatMap(({ suffix }) => suffix ?? [])]

const suffixed = layerFormats.filter(({ suffix }) => suffix !== undefined)
const unsuffixed = layerFormats.filter(({ suffix }) => suffix === undefined)

/** The key that models have for a stored tensor, the layer that it is of, and the formats that it can be of. */
function placeOf(stored: string): { key: string; name: string; formats: readonly LayerFormat[] } {
  const formats = suffixed.filter(({ suffix }) => stored.endsWith(`.${suffix}`))
  const [first] = formats
  if (!first) return { key: stored, name: stored.replace(/\.weight$/, ''), formats: unsuffixed }
  const name = stored.slice(0, -`.${first.suffix}`.length)
  return { key: `${name}.weight`, name, formats }
}

function formatOf(layer: StoredLayer, formats: readonly LayerFormat[]): LayerFormat | undefined {
  const { marker } = layer
  if (marker === undefined) return formats.find(format => format.matches(layer))
  const found = formats.find(({ markers }) => markers.includes(marker.format))
  if (found) return found
  throw unknownFormat(layer, marker)
}

function unknownFormat({ weight, name }: StoredLayer, marker: LayerMarker): CheckpointError {
  const known = layerFormats.flatMap(({ markers }) => markers)
  return new CheckpointError('checkpoint/tensors', {
    subject: `${weight.file}: ${name}`,
    expected: `a format of ${known.join(', ')}`,
    got: JSON.stringify(marker.format.slice(0, 80)),
    advice: 'Use a file of the same model in one of these formats, or one that was not quantised.',
  })
}
