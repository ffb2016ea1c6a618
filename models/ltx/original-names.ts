import type { OriginalNames } from '../../src/weights/adapters/adapt.ts'

/** From diffusers' keys to those of Lightricks' code (diffusers `scripts/convert_ltx_to_diffusers.py`). */
export const ltxOriginalNames: OriginalNames = [
  [/^proj_in\./, 'patchify_proj.'],
  [/^time_embed\./, 'adaln_single.'],
  [/\.norm_q\./, '.q_norm.'],
  [/\.norm_k\./, '.k_norm.'],
]
