import type { Logger } from 'pino'
import type { HostEvent } from './engine-host.ts'
import type { VideoOptions } from './video-options.ts'

/** What a host runner takes of a program's options. Events of the engine hosts go to the log. */
export function runnerOptionsOf(options: VideoOptions, log: Logger) {
  const { adapters = {}, devices = ['auto'], precision, threads, residency, files, experimental } = options
  const { promptCache = true } = options
  const { checkpointSeconds, previewSteps } = options
  return {
    adapters,
    devices,
    engine: {
      ...(precision && { precision }),
      ...(threads !== undefined && { threads }),
      ...(residency && { residency }),
      ...(files && { files }),
      ...(experimental && { experimental }),
      promptCache,
    },
    ...(checkpointSeconds !== undefined && { checkpointSeconds }),
    ...(previewSteps !== undefined && { previewSteps }),
    onHostEvent: (device: string, event: HostEvent) => logHostEvent(log, device, event),
  }
}

function logHostEvent(log: Logger, device: string, event: HostEvent): void {
  const bad = event.type === 'killed' || (event.type === 'exited' && !event.expected)
  log[bad ? 'error' : 'info']({ device, ...event }, 'engine host')
}
