import { signal } from '@preact/signals'
import { changeDraft, draft, draftFrames, draftModel, setValue, setValues } from '../make/draft.ts'
import { nearest } from '../models/sizes.ts'
import { texts } from '../texts/texts.ts'
import { placesOf } from './keyframe-fields.ts'
import { pictureSize, sourcesOf } from './read-source.ts'
import type { Placed, Source } from './source.ts'

/** The placed picture whose settings are shown. */
export const selectedPlaced = signal<string | undefined>(undefined)

/** What was not taken of the last files. */
export const refusedFiles = signal<readonly string[]>([])

/** Puts files on the timeline: at a frame, or else at the ends and evenly between. */
export async function placeFiles(files: Iterable<File>, frame?: number): Promise<void> {
  const { sources, refused } = sourcesOf(files)
  refusedFiles.value = refused
  for (const [index, source] of sources.entries()) {
    const wanted = frame ?? spread(index, sources.length)
    const free = freeFrame(wanted)
    if (free === undefined) {
      refusedFiles.value = [...refused, texts.direct.noPlace]
      return
    }
    await shapeLike(source)
    changeDraft({ placed: [...draft.value.placed, { ...source, frame: free, strength: 1 }] })
    selectedPlaced.value = source.id
  }
}

export function changePlaced(id: string, change: Partial<Pick<Placed, 'frame' | 'strength'>>): void {
  changeDraft({ placed: draft.value.placed.map(each => (each.id === id ? { ...each, ...change } : each)) })
}

/** Moves a picture as near to a frame as the model and the other pictures let it. */
export function movePlaced(id: string, frame: number): void {
  const free = freeFrame(frame, id)
  if (free !== undefined) changePlaced(id, { frame: free })
}

export function removePlaced(id: string): void {
  const gone = draft.value.placed.find(each => each.id === id)
  if (gone?.file) URL.revokeObjectURL(gone.url)
  changeDraft({ placed: draft.value.placed.filter(each => each.id !== id) })
  selectedPlaced.value = undefined
}

/** Changes the length: what stands at the end stays there. */
export function changeFrames(frames: number | undefined): void {
  const last = draftFrames.value - 1
  setValue('frames', frames)
  const newLast = draftFrames.value - 1
  const moved = draft.value.placed.map(each => ({
    ...each,
    frame: each.frame === last && last > 0 ? newLast : Math.min(each.frame, newLast),
  }))
  changeDraft({
    placed: moved.filter((each, at) => moved.findIndex(other => other.frame === each.frame) === at),
  })
}

/** The frame nearest to one that is free and that the model takes a picture at. */
function freeFrame(wanted: number, but?: string): number | undefined {
  const model = draftModel.value
  const frames = draftFrames.value
  if (!model) return undefined
  const places = placesOf(model, frames)
  const taken = new Set(draft.value.placed.filter(({ id }) => id !== but).map(({ frame }) => frame))
  const all = places === 'any' ? Array.from({ length: frames }, (_, frame) => frame) : places
  const free = all.filter(frame => !taken.has(frame))
  return free.sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0]
}

function spread(index: number, count: number): number {
  const last = draftFrames.value - 1
  if (count > 1) return Math.round((index * last) / (count - 1))
  // One alone is the first frame, then the last one, then what lies between.
  const frames = draft.value.placed.map(({ frame }) => frame)
  return frames.includes(0) ? (frames.includes(last) ? Math.round(last / 2) : last) : 0
}

/** The first picture gives the video its shape, where no size was chosen. */
async function shapeLike(source: Source): Promise<void> {
  const model = draftModel.value
  const { width, height } = draft.value.values
  if (!model || draft.value.placed.length > 0 || width !== undefined || height !== undefined) return
  const size = await pictureSize(source)
  if (!size) return
  const { defaults, sizes } = model
  const ratio = size.width / size.height
  const wide = nearest(sizes.width, Math.sqrt(defaults.width * defaults.height * ratio))
  setValues({ width: wide, height: nearest(sizes.height, wide / ratio) })
}
