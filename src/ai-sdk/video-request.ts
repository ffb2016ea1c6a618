import type { VideoCallOptions, VideoFile, VideoWarning } from './video-model-types.ts'

/** Pixels of a video of which only the shape is given: those of 720p, which the server fits to its model. */
const pixels = 1280 * 720

/**
 * The bodies of POST /v1/videos for a call, one a video, and what of the call they cannot say. Of several, each has the seed
 * after that of the one before: the first is the video that the seed alone gives.
 */
export function videoRequests(
  model: string,
  options: VideoCallOptions,
): { bodies: Record<string, unknown>[]; warnings: VideoWarning[] } {
  const warnings: VideoWarning[] = []
  const unsupported = (feature: string, details: string) =>
    warnings.push({ type: 'unsupported', feature, details })
  const frame = (type: 'first_frame' | 'last_frame') =>
    options.frameImages?.find(({ frameType }) => frameType === type)?.image
  const first = options.image ?? frame('first_frame')
  const last = frame('last_frame')
  if (options.inputReferences?.length) unsupported('inputReferences', 'Pictures are first and last frames.')
  if (options.aspectRatio === 'adaptive')
    unsupported('aspectRatio', 'The shape is not taken from the picture.')
  const fields = {
    model,
    prompt: options.prompt,
    seconds: options.duration,
    size: options.resolution ?? sizeOf(options.aspectRatio),
    fps: options.fps,
    seed: options.seed,
    // Without it a video has sound where there is any: of a model without, asking for it would be an error.
    audio: options.generateAudio === false ? false : undefined,
    ...(first && { image_reference: { image_url: uriOf(first) } }),
    ...(last && { last_image_reference: { image_url: uriOf(last) } }),
    ...options.providerOptions.framewright,
  }
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  const body: Record<string, unknown> = Object.fromEntries(given)
  const { seed } = body
  const bodies = Array.from({ length: Math.max(1, options.n) }, (_, index) => {
    return typeof seed === 'number' ? { ...body, seed: seed + index } : body
  })
  return { bodies, warnings }
}

function sizeOf(ratio: VideoCallOptions['aspectRatio']): string | undefined {
  if (ratio === undefined || ratio === 'adaptive') return undefined
  const [width, height] = ratio.split(':').map(Number) as [number, number]
  const scale = Math.sqrt(pixels / (width * height))
  return `${Math.round(width * scale)}x${Math.round(height * scale)}`
}

function uriOf(file: VideoFile): string {
  if (file.type === 'url') return file.url
  const { data } = file
  const base64 = typeof data === 'string' ? data : Buffer.from(data).toString('base64')
  return `data:${file.mediaType};base64,${base64}`
}
