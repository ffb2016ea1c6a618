import { MediaError } from '../errors.ts'
import { libraryReason } from './library-reason.ts'

export type Mediabunny = typeof import('mediabunny')

/** The container reader and writer. Loaded on first use: it is large and most commands never need it. */
export async function loadContainers(): Promise<Mediabunny> {
  const mediabunny = await import('mediabunny')
  mediabunny.Logging.level = mediabunny.LogLevel.Silent // Its errors are thrown too; the console is the program's.
  return mediabunny
}

/**
 * The container reader and writer with FFmpeg's encoders and decoders plugged in. No hardware coders: their output
 * differs from machine to machine, and the device is busy generating.
 *
 * @param code the code of the error: what the codecs are wanted for
 * @throws MediaError when the native library is not installed or does not load
 */
export async function loadCodecs(code: 'media/input' | 'media/output'): Promise<Mediabunny> {
  const containers = await loadContainers()
  try {
    const server = await import('@mediabunny/server')
    server.registerMediabunnyServer({ hardwareContext: null })
    const { AV_LOG_QUIET, Log } = await import('node-av')
    Log.setLevel(AV_LOG_QUIET) // FFmpeg's results say what failed; stderr is the program's.
  } catch (error) {
    throw new MediaError(
      code,
      {
        subject: 'video codecs',
        expected: `the native library @seydx/node-av-${process.platform}-${process.arch}`,
        got: libraryReason(error),
        advice:
          'Reinstall with optional dependencies (npm ci --include=optional), or use .gif, .webp or a folder of PNG files.',
      },
      { cause: error },
    )
  }
  return containers
}

/** FFmpeg's decoded frames behind those of the container reader. @throws what `loadCodecs` throws */
export async function loadFrames() {
  await loadCodecs('media/input')
  const { AvFrameVideoSampleResource } = await import('@mediabunny/server')
  const { avGetPixFmtName } = await import('node-av')
  return { AvFrameVideoSampleResource, avGetPixFmtName }
}
