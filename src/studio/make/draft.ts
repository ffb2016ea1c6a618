import { computed, signal } from '@preact/signals'
import type { TaskBody } from '../../server/framewright/contract.ts'
import { keyframeFields } from '../direct/keyframe-fields.ts'
import type { Placed, Source } from '../direct/source.ts'
import type { Mask } from '../mask/mask.ts'
import { modelNamed, takesField } from '../models/capabilities.ts'

/** What is in the editor. */
export interface Draft {
  readonly model: string | undefined
  /** Fields of the request that are no files, by their names; those that are not there are the model's. */
  readonly values: Readonly<Record<string, unknown>>
  /** Decimal; used where it is locked. */
  readonly seed: string
  readonly seedLocked: boolean
  readonly loras: readonly { readonly name: string; readonly scale: number }[]
  readonly placed: readonly Placed[]
  readonly video: Source | undefined
  readonly extend: Source | undefined
  readonly mask: Mask | undefined
  readonly references: readonly Source[]
  /** Videos to make, from consecutive seeds. */
  readonly count: number
  readonly variation: Variation
  /** Higher goes first, among the tasks that wait. */
  readonly priority: number
}

/** Setting that differs between the videos of one press, with its values as they are typed: `2, 4, 8`. */
export interface Variation {
  /** Empty for none. */
  readonly name: string
  readonly values: string
}

export const emptyDraft: Draft = {
  model: undefined,
  values: { prompt: '' },
  seed: '',
  seedLocked: false,
  loras: [],
  placed: [],
  video: undefined,
  extend: undefined,
  mask: undefined,
  references: [],
  count: 1,
  variation: { name: '', values: '' },
  priority: 0,
}

export const draft = signal<Draft>(emptyDraft)

/** The model of the draft: the server's first where it names none. */
export const draftModel = computed(() => modelNamed(draft.value.model))

/** The number of frames that the draft's timeline has. */
export const draftFrames = computed(() => framesOf(draft.value))

/** The size that the draft asks for. */
export const draftSize = computed(() => sizeOf(draft.value))

/** The preset of the draft: what its model has where the draft says nothing. */
export const draftPreset = computed(() =>
  draftModel.value?.presets.find(({ name }) => name === draft.value.values.preset),
)

/** The rate that the draft asks for, in frames per second. */
export const draftFps = computed(() => {
  const { fps = draftModel.value?.defaults.fps ?? 1 } = draft.value.values as { fps?: number }
  return fps
})

/** How pictures and clips of another shape are fitted. */
export const draftFit = computed(() => (draft.value.values.fit as 'crop' | 'stretch' | undefined) ?? 'crop')

export function changeDraft(change: Partial<Draft>): void {
  draft.value = { ...draft.value, ...change }
}

/** @param value undefined for the model's */
export function setValue(name: string, value: unknown): void {
  setValues({ [name]: value })
}

export function setValues(changed: Readonly<Record<string, unknown>>): void {
  const entries = Object.entries({ ...draft.value.values, ...changed })
  changeDraft({ values: Object.fromEntries(entries.filter(([, value]) => value !== undefined)) })
}

/**
 * The body of the request that the draft describes.
 * @param addressOf what a file is called in it
 */
export function bodyOf(from: Draft, addressOf: (source: Source) => string): TaskBody {
  const model = modelNamed(from.model)
  const { values, loras, priority } = from
  const { placed, video, extend, mask, references } = takenSources(from)
  const { strength, fit = 'crop', ...fields } = values
  const pictured = placed.length > 0 || video !== undefined || mask !== undefined
  return {
    model: model?.name ?? '',
    request: {
      ...fields,
      // The size that the page shows the pictures in; without one the files would say it.
      ...(pictured && model && { ...sizeOf(from), fit }),
      ...(from.seedLocked && from.seed !== '' && { seed: from.seed }),
      ...(model && keyframeFields(model, placed, framesOf(from), addressOf)),
      ...(video && {
        video: addressOf(video),
        ...(startVideo(from) && { strength: strength ?? usualStrength }),
      }),
      ...(extend && { extend: addressOf(extend) }),
      ...(mask && { mask: addressOf(mask) }),
      ...(references.length > 0 && { references: references.map(addressOf) }),
    },
    ...(loras.length > 0 && { loras: [...loras] }),
    ...(priority !== 0 && { priority }),
  }
}

/** The files of a draft that its model takes: those of another one stay in the editor, unseen. */
export function takenSources(
  from: Draft,
): Pick<Draft, 'placed' | 'video' | 'extend' | 'mask' | 'references'> {
  const model = modelNamed(from.model)
  const { placed, video, extend, mask, references } = from
  const takes = (name: string) => takesField(model, name)
  return {
    placed: ['image', 'lastImage', 'keyframes'].some(takes) ? placed : [],
    video: takes('video') ? video : undefined,
    extend: takes('extend') ? extend : undefined,
    mask: takes('mask') ? mask : undefined,
    references: takes('references') ? references : [],
  }
}

/** The video that the draft starts from: to other models it is a control. */
export function startVideo(from: Draft): Source | undefined {
  return modelNamed(from.model)?.modes.includes('video') ? from.video : undefined
}

/** Far enough from a video to follow a prompt, near enough to keep its motion. */
export const usualStrength = 0.7

function sizeOf({ model, values }: Draft): { readonly width: number; readonly height: number } {
  const defaults = modelNamed(model)?.defaults ?? { width: 16, height: 9 }
  const { width = defaults.width, height = defaults.height } = values as { width?: number; height?: number }
  return { width, height }
}

function framesOf({ model, values }: Draft): number {
  return (values.frames as number | undefined) ?? modelNamed(model)?.defaults.frames ?? 1
}
