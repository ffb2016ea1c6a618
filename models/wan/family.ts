import type { Family } from '../../src/pipeline/family.ts'
import { wanDownloads } from './downloads.ts'
import { wanFields } from './fields.ts'
import { wanAliases, wanPipelines } from './pipelines.ts'
import { wanPublished } from './published.ts'
import { wanSingleFiles } from './single-files.ts'
import { wanVariants } from './variants.ts'

/** Wan 2.1 and 2.2: text, image, keyframe and video to video, VACE (diffusers `pipelines/wan`). */
export const wan: Family = {
  name: 'wan',
  pipelines: [...wanPipelines, ...wanAliases.map(({ name }) => name)],
  aliases: wanAliases,
  variants: wanVariants,
  published: wanPublished,
  downloads: wanDownloads,
  fields: wanFields,
  singleFiles: wanSingleFiles,
  load: async checkpoint => (await import('./model.ts')).loadWan(checkpoint),
}
