/**
 * The AI SDK's interface of video models, as far as it is used here: `Experimental_VideoModelV3` of @ai-sdk/provider 3
 * and `Experimental_VideoModelV4` of @ai-sdk/provider 4. Written down, so that nothing has to be installed for it.
 */

export type JsonValue =
  | null
  | string
  | number
  | boolean
  | JsonValue[]
  | { [name: string]: JsonValue | undefined }

export type VideoFile =
  | { type: 'file'; mediaType: string; data: string | Uint8Array }
  | { type: 'url'; url: string; mediaType?: string }

export interface VideoCallOptions {
  prompt: string | undefined
  n: number
  aspectRatio: `${number}:${number}` | 'adaptive' | undefined
  resolution: `${number}x${number}` | undefined
  /** Seconds. */
  duration: number | undefined
  fps: number | undefined
  seed: number | undefined
  /** First frame. */
  image: VideoFile | undefined
  frameImages: { image: VideoFile; frameType: 'first_frame' | 'last_frame' }[] | undefined
  inputReferences: VideoFile[] | undefined
  generateAudio: boolean | undefined
  /** `framewright`: fields of POST /v1/videos. */
  providerOptions: Record<string, Record<string, JsonValue | undefined>>
  abortSignal?: AbortSignal
  headers?: Record<string, string | undefined>
}

export type VideoWarning =
  | { type: 'unsupported'; feature: string; details?: string }
  | { type: 'other'; message: string }

export interface VideoResponse {
  timestamp: Date
  modelId: string
  headers: Record<string, string> | undefined
}

export interface GeneratedVideos {
  videos: { type: 'binary'; data: Uint8Array; mediaType: string }[]
  warnings: VideoWarning[]
  providerMetadata?: Record<string, { videos: JsonValue[] }>
  response: VideoResponse
}

export interface VideoModelV3 {
  readonly specificationVersion: 'v3'
  readonly provider: string
  readonly modelId: string
  readonly maxVideosPerCall: number
  doGenerate(options: VideoCallOptions): Promise<GeneratedVideos>
}

export interface StartedVideo {
  operation: JsonValue
  warnings: VideoWarning[]
  response: VideoResponse
}

export type VideoStatus =
  | { status: 'pending'; response: VideoResponse }
  | ({ status: 'completed' } & GeneratedVideos)
  | { status: 'error'; error: string; response: VideoResponse }

export interface VideoModelV4 {
  readonly specificationVersion: 'v4'
  readonly provider: string
  readonly modelId: string
  readonly maxVideosPerCall: number
  doGenerate(options: VideoCallOptions): Promise<GeneratedVideos>
  doStart(options: VideoCallOptions & { webhookUrl?: string }): Promise<StartedVideo>
  doStatus(options: {
    operation: JsonValue
    abortSignal?: AbortSignal
    headers?: Record<string, string | undefined>
  }): Promise<VideoStatus>
}
