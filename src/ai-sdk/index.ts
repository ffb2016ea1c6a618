/** Videos of a Framewright server in the AI SDK (`ai`): `import { createFramewright } from 'framewright/ai-sdk'`. */
export {
  type CallSettings,
  type ServedVideo,
  type VideoClientOptions,
  VideoServerError,
} from './video-client.ts'
export {
  createFramewright,
  type FramewrightOptions,
  type FramewrightProvider,
  framewright,
} from './video-model.ts'
export type {
  GeneratedVideos,
  JsonValue,
  StartedVideo,
  VideoCallOptions,
  VideoFile,
  VideoModelV3,
  VideoModelV4,
  VideoResponse,
  VideoStatus,
  VideoWarning,
} from './video-model-types.ts'
