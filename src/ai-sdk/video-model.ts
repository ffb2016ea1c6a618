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
import { videoRequest } from './video-request.ts'

export type FramewrightOptions = VideoClientOptions

/** Video models of a Framewright server for the AI SDK. */
export interface FramewrightProvider {
  /** For AI SDK 6 and 7. */
  (model: string): VideoModelV3
  videoModel(model: string): VideoModelV3
  /** For AI SDK 7: starting a video and asking for it are calls of their own. */
  videoModelV4(model: string): VideoModelV4
}

/** @param options the server: on this machine unless given */
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
      const { body, warnings } = videoRequest(model, call)
      const webhook = webhookUrl === undefined ? {} : { webhook_url: webhookUrl }
      const { video, headers } = await client.create({ ...body, ...webhook }, call)
      return { operation: { id: video.id }, warnings, response: about(model, headers) }
    },
    async doStatus({ operation, ...settings }) {
      const { video, headers } = await client.retrieve(idOf(operation), settings)
      const response = about(model, headers)
      if (video.status === 'failed') return { status: 'error', error: failureOf(video), response }
      if (video.status !== 'completed') return { status: 'pending', response }
      return { status: 'completed', ...(await download(client, video, settings, [], response)) }
    },
  })
  return Object.assign(videoModel, { videoModel, videoModelV4 })
}

/** The server on this machine. */
export const framewright: FramewrightProvider = createFramewright()

function base(modelId: string) {
  return { provider: 'framewright', modelId, maxVideosPerCall: 1 }
}

async function generate(
  client: VideoClient,
  model: string,
  call: VideoCallOptions,
): Promise<GeneratedVideos> {
  const { body, warnings } = videoRequest(model, call)
  // Not to be aborted: a video whose id nobody got to know could not be stopped.
  const created = await client.create(body, { headers: call.headers })
  const { video, headers } = await client.ended(created.video.id, call)
  if (video.status === 'failed') throw new Error(failureOf(video))
  return await download(client, video, call, warnings, about(model, headers))
}

/** The bytes: addresses of a local server are not ones that the AI SDK would download from. */
async function download(
  client: VideoClient,
  video: ServedVideo,
  settings: CallSettings,
  warnings: VideoWarning[],
  response: VideoResponse,
): Promise<GeneratedVideos> {
  const data = await client.content(video.id, settings)
  const { id, seed = null, size = null } = video
  return {
    videos: [{ type: 'binary', data, mediaType: 'video/mp4' }],
    warnings,
    providerMetadata: { framewright: { videos: [{ id, seed, size }] } },
    response,
  }
}

function about(modelId: string, headers: Headers): VideoResponse {
  return { timestamp: new Date(), modelId, headers: Object.fromEntries(headers) }
}

function failureOf({ error }: ServedVideo): string {
  return error?.message ?? 'The video failed.'
}

function idOf(operation: JsonValue): string {
  const id = typeof operation === 'object' && operation !== null && !Array.isArray(operation) && operation.id
  if (typeof id === 'string') return id
  throw new TypeError('operation: expected what doStart gave.')
}
