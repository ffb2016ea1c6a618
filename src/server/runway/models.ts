/** The models of Runway's API that are answered, with the values that its endpoints take for them. */

export interface VideoModel {
  readonly name: string
  readonly ratios: readonly string[]
  /** Whole seconds; `fallback` where the field may be left out. */
  readonly duration: { readonly values: readonly number[]; readonly fallback?: number }
  /** Whether there has to be a prompt. */
  readonly prompt: 'required' | 'optional'
}

const ratios6 = ['1280:720', '720:1280', '1104:832', '832:1104', '960:960', '1584:672']
const ratios4 = ['1280:720', '720:1280', '1080:1920', '1920:1080']
const upTo10 = [2, 3, 4, 5, 6, 7, 8, 9, 10]

export const textToVideoModels: readonly VideoModel[] = [
  {
    name: 'gen4.5',
    ratios: ['1280:720', '720:1280'],
    duration: { values: upTo10 },
    prompt: 'required',
  },
  { name: 'veo3.1', ratios: ratios4, duration: { values: [4, 6, 8], fallback: 8 }, prompt: 'required' },
  { name: 'veo3.1_fast', ratios: ratios4, duration: { values: [4, 6, 8], fallback: 8 }, prompt: 'required' },
  { name: 'veo3', ratios: ratios4, duration: { values: [8], fallback: 8 }, prompt: 'required' },
]

export const imageToVideoModels: readonly VideoModel[] = [
  { name: 'gen4.5', ratios: ratios6, duration: { values: upTo10 }, prompt: 'required' },
  { name: 'gen4_turbo', ratios: ratios6, duration: { values: upTo10, fallback: 5 }, prompt: 'optional' },
  { name: 'gen4', ratios: ratios6, duration: { values: upTo10, fallback: 5 }, prompt: 'optional' },
  {
    name: 'gen3a_turbo',
    ratios: ['768:1280', '1280:768'],
    duration: { values: [5, 10], fallback: 10 },
    prompt: 'required',
  },
  { name: 'veo3.1', ratios: ratios4, duration: { values: [4, 6, 8], fallback: 8 }, prompt: 'optional' },
  { name: 'veo3.1_fast', ratios: ratios4, duration: { values: [4, 6, 8], fallback: 8 }, prompt: 'optional' },
  { name: 'veo3', ratios: ratios4, duration: { values: [8], fallback: 8 }, prompt: 'optional' },
]

export const videoToVideoModels: readonly string[] = ['gen4_aleph', 'aleph2']

/** All names of models that clients of Runway's API know. */
export const runwayModels: readonly string[] = [
  ...new Set([
    ...[...textToVideoModels, ...imageToVideoModels].map(({ name }) => name),
    ...videoToVideoModels,
  ]),
]
