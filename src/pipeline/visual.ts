import { invalidRequest } from '../errors.ts'
import { cropToShape } from '../media/crop.ts'
import { fileKind } from '../media/file-kind.ts'
import { type Picture, readPicture } from '../media/read-picture.ts'
import { readVideo } from '../media/read-video.ts'
import type { Notify } from '../notices.ts'
import { noticeCut, noticeFit } from './clip-notices.ts'
import type { VisualInputs } from './family.ts'
import type { GeneratePlan } from './fields/request-fields.ts'
import type { RequestFacts } from './model-facts.ts'

/**
 * Reads the pictures and videos of a request.
 * @param notify told where they are not used as they are
 * @param opening frames of another clip that this one begins with
 * @param facts of a model that cuts pictures after it has resized them
 * @throws MediaError for a file that cannot be read
 */
export async function readVisualInputs(
  plan: GeneratePlan,
  signal: AbortSignal,
  notify: Notify,
  opening: readonly Picture[] = [],
  facts: Pick<RequestFacts, 'coveredSizes' | 'covers'> = {},
): Promise<VisualInputs> {
  const reading = { plan, signal, notify, fit: facts.covers?.(plan) ? 'crop' : plan.fit } as const
  const clip = async (path: string | undefined, still: Still) =>
    path === undefined ? undefined : await readClip(path, still, reading)
  const picture = async (path: string | undefined) => {
    if (path === undefined) return undefined
    const whole = await readStill(path, notify)
    const shaped = fitted(path, whole, reading)
    return facts.coveredSizes ? whole : shaped
  }
  return {
    image: opening.length === 1 ? opening[0] : await picture(plan.image),
    lastImage: await picture(plan.lastImage),
    keyframes: [
      ...(opening.length > 1 ? [{ frame: 0, strength: 1, pictures: opening }] : []),
      ...(await Promise.all(
        plan.keyframes.map(async ({ frame, path, strength }) => {
          const room = Math.max(1, plan.frames - frame)
          return { frame, strength, pictures: await readPictures(path, room, reading) }
        }),
      )),
    ],
    video: await clip(plan.video, 'refused'),
    mask: await clip(plan.mask, 'held'),
    references: await Promise.all(plan.references.map(path => readStill(path, notify))),
  }
}

interface Reading {
  readonly plan: GeneratePlan
  readonly signal: AbortSignal
  readonly notify: Notify
  /** What becomes of a picture of another shape, whoever does it. */
  readonly fit: GeneratePlan['fit']
}

/** What a picture is in the place of a clip: every frame of it, or too few frames. */
type Still = 'held' | 'refused'

/** As many frames as the clip to make has. @throws RequestError when the file has fewer */
async function readClip(path: string, still: Still, reading: Reading): Promise<Picture[]> {
  const { frames } = reading.plan
  const pictures = await readPictures(path, frames, reading)
  if (pictures.length === frames) return pictures
  if (pictures.length === 1 && still === 'held') return new Array<Picture>(frames).fill(pictures[0]!)
  throw invalidRequest(
    path,
    `${frames} frames, as many as are to be made`,
    (await isStill(path)) ? 'a picture' : String(pictures.length),
    `Ask for the nearest count of frames that the model can make, at most ${pictures.length}.`,
  )
}

/** The frames of a video at the rate of the clip, or of a folder, up to `most`, or a picture as the only one. */
async function readPictures(path: string, most: number, reading: Reading): Promise<Picture[]> {
  const { plan, signal, notify, fit } = reading
  if (await isStill(path)) {
    return [fitted(path, await readStill(path, notify), reading)]
  }
  // One more than are used: whether there are more.
  const video = await readVideo(path, { fps: plan.fps, maxFrames: most + 1, signal })
  noticeFit(path, video, { ...plan, fit }, notify)
  const pictures: Picture[] = []
  const { width, height } = video
  for await (const data of video.frames) pictures.push(inShape({ width, height, data }, plan))
  if (pictures.length > most) {
    noticeCut(path, most, notify)
    pictures.length = most
  }
  return pictures
}

async function readStill(path: string, notify: Notify): Promise<Picture> {
  const picture = await readPicture(path)
  if (picture.unreadColours !== undefined) {
    const used = 'its colours are used as if they were of sRGB'
    notify('picture/colours', `${path}: it is marked with ${picture.unreadColours}; ${used}.`)
  }
  if (picture.isFirst) notify('picture/first', `${path}: only its first picture is used, of an animation.`)
  return picture
}

function fitted(path: string, picture: Picture, { plan, notify, fit }: Reading): Picture {
  noticeFit(path, picture, { ...plan, fit }, notify)
  return inShape(picture, plan)
}

/** The part of a picture that is used, before it is resized. */
export function inShape(picture: Picture, plan: GeneratePlan): Picture {
  return plan.fit === 'crop' ? cropToShape(picture, plan) : picture
}

const stillKinds: ReadonlySet<string> = new Set(['jpeg', 'png', 'avif'])

async function isStill(path: string): Promise<boolean> {
  return stillKinds.has(await fileKind(path))
}
