import { CheckpointError } from '../../errors.ts'
import type { SafetensorsFile, TensorLocation } from '../tensor-location.ts'
import { readMarkers } from './comfy-markers.ts'
import type { LayerFormat, LayerMarker, StoredLayer } from './layer-format.ts'
import { layerFormats } from './layer-formats.ts'

/**
 * The tensors of a .safetensors file as a model takes them: weights of a known format with their encoding, without the
 * scales and markers that belong to them; all others as they are.
 * @throws CheckpointError `checkpoint/tensors` for a marker of an unknown format, or scales that do not fit
 */
export async function readLayers(file: SafetensorsFile): Promise<ReadonlyMap<string, TensorLocation>> {
  const markers = await readMarkers(file)
  const used = new Set(markers.keys)
  const encoded = new Map<string, TensorLocation>()
  for (const weight of file.tensors.values()) {
    if (markers.keys.has(weight.key)) continue
    const name = weight.key.replace(/\.weight$/, '')
    const marker = weight.key.endsWith('.weight') ? markers.of(name) : undefined
    const taken: string[] = []
    const layer: StoredLayer = {
      name,
      weight,
      marker,
      beside: (...suffixes) => {
        const found = suffixes.flatMap(suffix => file.tensors.get(`${name}.${suffix}`) ?? [])[0]
        if (found) taken.push(found.key)
        return found
      },
    }
    const format = formatOf(layer, marker)
    if (!format) continue
    encoded.set(weight.key, await format.read(layer))
    for (const key of taken) used.add(key)
  }
  const rest = [...file.tensors.values()].filter(({ key }) => !used.has(key))
  return new Map(rest.map(tensor => [tensor.key, encoded.get(tensor.key) ?? tensor]))
}

function formatOf(layer: StoredLayer, marker: LayerMarker | undefined): LayerFormat | undefined {
  if (marker === undefined) return layerFormats.find(format => format.matches(layer))
  const found = layerFormats.find(({ markers }) => markers.includes(marker.format))
  if (found) return found
  const known = layerFormats.flatMap(({ markers }) => markers)
  throw new CheckpointError('checkpoint/tensors', {
    subject: `${layer.weight.file}: ${layer.name}`,
    expected: `a format of ${known.join(', ')}`,
    got: JSON.stringify(marker.format.slice(0, 80)),
    advice: 'Use a file of the same model in one of these formats, or one that was not quantised.',
  })
}
