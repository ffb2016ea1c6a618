import type { Family } from '../../src/pipeline/family.ts'
import { ltxDownloads } from './downloads.ts'
import { ltxFields } from './fields.ts'
import { ltxAliases, ltxModes, ltxPipelines } from './pipelines.ts'
import { ltxPublished } from './published.ts'
import { ltxSingleFiles } from './single-files.ts'

/** LTX-Video 0.9.0 to 0.9.7: text to video, and video from pictures and clips at any frame (diffusers `pipelines/ltx`). */
export const ltx: Family = {
  name: 'ltx',
  pipelines: ltxPipelines,
  aliases: ltxAliases,
  variants: [
    { name: 'LTX-Video 0.9.0, 0.9.1', repository: 'Lightricks/LTX-Video', ...ltxModes(false) },
    { name: 'LTX-Video 0.9.5, 0.9.7', repository: 'Lightricks/LTX-Video-0.9.5', ...ltxModes(true) },
  ],
  published: ltxPublished,
  downloads: ltxDownloads,
  singleFiles: ltxSingleFiles,
  fields: ltxFields,
  load: async checkpoint => (await import('./model.ts')).loadLtx(checkpoint),
}
