import { type CallSettings, type ServedVideo, VideoClient, type VideoClientOptions } from './video-client.ts'
import type {
  GeneratedVideos,
  JsonValue,
  VideoCallOptions,
  VideoModelV3,
  VideoModelV4,
  VideoResponse,
  VideoWarning,
} from './video-model-types.ts'
import { videoRequests } from './video-request.ts'

export type FramewrightOptions = VideoClientOptions

/** Video models of a Framewright server for the AI SDK. */
export interface FramewrightProvider {
  /** For AI SDK 6 and 7. */
  (model: string): VideoModelV3
  videoModel(model: string): VideoModelV3
  /** For AI SDK 7: starting a video and asking for it are calls of their own. */
  videoModelV4(model: string): VideoModelV4
}

/** @param options the server; one on this machine by default */
export function createFramewright(options: FramewrightOptions = {}): FramewrightProvider {
  const client = new VideoClient(options)
  const videoModel = (model: string): VideoModelV3 => {
    return { ...base(model), specificationVersion: 'v3', doGenerate: call => generate(client, model, call) }
  }
  const videoModelV4 = (model: string): VideoModelV4 => ({
    ...base(model),
    specificationVersion: 'v4',
    doGenerate: call => generate(client, model, call),
    async doStart({ webhookUrl, ...call }) {
      const { bodies, warnings } = videoRequests(model, call)
      const webhook = webhookUrl === undefined ? {} : { webhook_url: webhookUrl }
      const started = await createAll(
        client,
        bodies.map(body => ({ ...body, ...webhook })),
        call,
      )
      const ids = started.map(({ video }) => video.id)
      const operation = { ids, ...(call.generateAudio && { audio: true }) }
      return { operation, warnings, response: about(model, started.at(-1)!.headers) }
    },
    async doStatus({ operation, ...settings }) {
      const answers = await Promise.all(idsOf(operation).map(id => client.retrieve(id, settings)))
      const videos = answers.map(({ video }) => video)
      const response = about(model, answers.at(-1)!.headers)
      const failed = videos.find(({ status }) => status === 'failed')
      if (failed) return { status: 'error', error: failureOf(failed), response }
      if (videos.some(({ status }) => status !== 'completed')) return { status: 'pending', response }
      const warnings = asksForSound(operation) ? silenceOf(videos) : []
      return { status: 'completed', ...(await download(client, videos, settings, warnings, response)) }
    },
  })
  return Object.assign(videoModel, { videoModel, videoModelV4 })
}

/** The server on this machine. */
export const framewright: FramewrightProvider = createFramewright()

/** As many as are asked for are one call: of several, the AI SDK gives each the same seed. */
const mostVideos = 1000

function base(modelId: string) {
  return { provider: 'framewright', modelId, maxVideosPerCall: mostVideos }
}

async function generate(
  client: VideoClient,
  model: string,
  call: VideoCallOptions,
): Promise<GeneratedVideos> {
  const { bodies, warnings } = videoRequests(model, call)
  // Not to be aborted: a video whose id nobody got to know could not be stopped.
  const created = await createAll(client, bodies, { headers: call.headers })
  const stop = new AbortController()
  const abortSignal = call.abortSignal ? AbortSignal.any([call.abortSignal, stop.signal]) : stop.signal
  const ends = await Promise.allSettled(
    created.map(async ({ video: { id } }) => {
      try {
        const { video, headers } = await client.ended(id, { ...call, abortSignal })
        if (video.status === 'failed') throw new Error(failureOf(video))
        return { video, headers }
      } catch (error) {
        // All or none: the others are not made for nobody.
        stop.abort(error)
        throw error
      }
    }),
  )
  const answers = ends.map(end => {
    if (end.status === 'fulfilled') return end.value
    throw call.abortSignal?.aborted ? end.reason : (stop.signal.reason ?? end.reason)
  })
  const videos = answers.map(({ video }) => video)
  const silent = call.generateAudio ? silenceOf(videos) : []
  const response = about(model, answers.at(-1)!.headers)
  return await download(client, videos, call, [...warnings, ...silent], response)
}

/** One after the other, in the order of their seeds. When one is refused, those before are not made either. */
async function createAll(
  client: VideoClient,
  bodies: readonly object[],
  settings: CallSettings,
): Promise<{ video: ServedVideo; headers: Headers }[]> {
  const created: { video: ServedVideo; headers: Headers }[] = []
  try {
    for (const body of bodies) created.push(await client.create(body, settings))
    return created
  } catch (error) {
    await Promise.allSettled(created.map(({ video }) => client.delete(video.id, settings)))
    throw error
  }
}

/** The bytes: addresses of a local server are not ones that the AI SDK would download from. */
async function download(
  client: VideoClient,
  served: readonly ServedVideo[],
  settings: CallSettings,
  warnings: VideoWarning[],
  response: VideoResponse,
): Promise<GeneratedVideos> {
  const videos: GeneratedVideos['videos'] = []
  for (const { id } of served) {
    videos.push({ type: 'binary', data: await client.content(id, settings), mediaType: 'video/mp4' })
  }
  const facts = served.map(({ id, seed = null, size = null, audio = null }) => ({ id, seed, size, audio }))
  const said = served.flatMap(({ notices = [] }) => notices.map(({ message }) => message))
  const noticed = [...new Set(said)].map(message => ({ type: 'other', message }) as const)
  return {
    videos,
    warnings: [...warnings, ...noticed],
    providerMetadata: { framewright: { videos: facts } },
    response,
  }
}

function about(modelId: string, headers: Headers): VideoResponse {
  return { timestamp: new Date(), modelId, headers: Object.fromEntries(headers) }
}

function failureOf({ error }: ServedVideo): string {
  return error?.message ?? 'The video failed.'
}

/** Said of videos without the sound that was asked for. */
function silenceOf(videos: readonly ServedVideo[]): VideoWarning[] {
  if (videos.every(({ audio }) => audio !== null)) return []
  return [{ type: 'unsupported', feature: 'generateAudio', details: 'The model makes no sound.' }]
}

function asksForSound(operation: JsonValue): boolean {
  return typeof operation === 'object' && operation !== null && 'audio' in operation
}

function idsOf(operation: JsonValue): readonly string[] {
  const ids = typeof operation === 'object' && operation !== null && 'ids' in operation && operation.ids
  if (Array.isArray(ids) && ids.length > 0 && ids.every(id => typeof id === 'string')) return ids
  throw new TypeError('operation: expected what doStart gave.')
}
