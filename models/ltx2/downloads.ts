/**
 * Files of LTX-2 on the Hugging Face hub. Lightricks' own hold all parts but the text encoder, as the READMEs of
 * https://github.com/Lightricks/LTX-2 and https://github.com/Lightricks/ComfyUI-LTXVideo list them.
 */
import type { Download, DownloadPart, StoredFormat } from '../../src/pipeline/family.ts'

const gemma: DownloadPart = {
  id: 'Comfy-Org/ltx-2/split_files/text_encoders/gemma_3_12B_it_fp8_scaled.safetensors',
  format: 'fp8',
}

function file(model: string, title: string, id: string, format: StoredFormat): Download {
  return { model, title, parts: { transformer: { id, format }, text_encoder: gemma } }
}

export const ltx2Downloads: readonly Download[] = [
  { model: 'ltx-2', title: 'LTX-2 19B', parts: { '': { id: 'Lightricks/LTX-2' } } },
  file('ltx-2', 'LTX-2 19B', 'Lightricks/LTX-2/ltx-2-19b-dev.safetensors', 'bf16'),
  file('ltx-2', 'LTX-2 19B', 'Lightricks/LTX-2/ltx-2-19b-dev-fp8.safetensors', 'fp8'),
  file('ltx-2.3', 'LTX-2.3 22B', 'Lightricks/LTX-2.3/ltx-2.3-22b-dev.safetensors', 'bf16'),
]
