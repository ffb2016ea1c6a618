import type { Family } from '../../src/pipeline/family.ts'
import { hunyuanDownloads } from './downloads.ts'
import { hunyuanModes, hunyuanPipelines } from './pipelines.ts'
import { hunyuanPublished } from './published.ts'
import { hunyuanSingleFiles } from './single-files.ts'

const repositories = 'hunyuanvideo-community/HunyuanVideo-1.5-Diffusers'

/** HunyuanVideo 1.5: text to video, and video from a first frame (diffusers `pipelines/hunyuan_video1_5`). */
export const hunyuan15: Family = {
  name: 'hunyuan15',
  pipelines: hunyuanPipelines,
  aliases: [],
  variants: [
    { name: 'HunyuanVideo 1.5 T2V', repository: `${repositories}-480p_t2v`, ...hunyuanModes(false) },
    { name: 'HunyuanVideo 1.5 I2V', repository: `${repositories}-480p_i2v`, ...hunyuanModes(true) },
  ],
  published: hunyuanPublished,
  downloads: hunyuanDownloads,
  singleFiles: hunyuanSingleFiles,
  fields: {},
  load: async checkpoint => (await import('./model.ts')).loadHunyuan(checkpoint),
}
