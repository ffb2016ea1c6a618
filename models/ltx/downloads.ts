import type { Download } from '../../src/pipeline/family.ts'

/** Repositories of LTX-Video on the Hugging Face hub. */
export const ltxDownloads: readonly Download[] = [
  { model: 'ltx-video-0.9.0', title: 'LTX-Video 0.9', parts: { '': { id: 'Lightricks/LTX-Video' } } },
  { model: 'ltx-video-0.9.5', title: 'LTX-Video 0.9.5', parts: { '': { id: 'Lightricks/LTX-Video-0.9.5' } } },
]
