import type { PartTensors } from '../pipeline/single-files.ts'
import type { TensorLocation } from '../weights/tensor-location.ts'
import type { PartFile } from './part-file.ts'

/** How files of several parts mark the tensors of each (ComfyUI, Stable Diffusion's first checkpoints). */
const prefixes = [
  /^model\.(?:diffusion_model|model)\./,
  /^(?:vae|first_stage_model)\./,
  /^(?:text_encoders|conditioner\.embedders)\.[^.]+\.(?:transformer\.|model\.)?/,
  /^cond_stage_model\.(?:transformer\.)?/,
  /^conditioner\.model\./,
  /^audio_vae\./,
  /^vocoder\./,
] as const

/** The parts of a file, by prefix: the tensors of each under their names without it. */
export function sectionsOf({ config, ...file }: PartFile): PartTensors[] {
  const sections = new Map<string, Map<string, TensorLocation>>()
  for (const [key, tensor] of file.tensors) {
    const prefix = prefixes.map(each => each.exec(key)?.[0]).find(found => found !== undefined) ?? ''
    const section = sections.get(prefix) ?? new Map<string, TensorLocation>()
    sections.set(prefix, section.set(key.slice(prefix.length), tensor))
  }
  return [...sections.values()].map(tensors => ({ file, tensors, config }))
}
