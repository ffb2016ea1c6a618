import type { Family } from '../../src/pipeline/family.ts'
import { ltx2Downloads } from './downloads.ts'
import { ltx2Fields } from './fields.ts'
import { ltx2Aliases, ltx2Modes, ltx2Pipelines } from './pipelines.ts'
import { ltx2Published } from './published.ts'
import { ltx2SingleFiles } from './single-files.ts'

/** LTX-2, LTX-2.3 and LTX-2.5: video with sound, from text, a first frame, and pictures and clips at any frame (diffusers `pipelines/ltx2`). */
export const ltx2: Family = {
  name: 'ltx2',
  pipelines: ltx2Pipelines,
  aliases: ltx2Aliases,
  variants: [
    { name: 'LTX-2', repository: 'Lightricks/LTX-2', ...ltx2Modes },
    { name: 'LTX-2.3', repository: 'Lightricks/LTX-2.3', ...ltx2Modes },
    { name: 'LTX-2.5, experimental', repository: 'Lightricks/LTX-2.5', ...ltx2Modes },
  ],
  published: ltx2Published,
  downloads: ltx2Downloads,
  singleFiles: ltx2SingleFiles,
  fields: ltx2Fields,
  load: async checkpoint => (await import('./model.ts')).loadLtx2(checkpoint),
}
