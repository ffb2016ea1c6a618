import type { HostEngineOptions } from './host-process.ts'
import type { NamedAdapters } from './named-adapters.ts'

/** How a program that takes tasks makes their videos, in an engine host per device. */
export interface VideoOptions
  extends Pick<HostEngineOptions, 'precision' | 'threads' | 'residency' | 'files' | 'experimental'> {
  /** Whether, or in which folder, results of text encoders are kept for the next task with the prompt. @default true */
  readonly promptCache?: boolean | string
  /** LoRA files by the names that tasks call them by; a worker leaves tasks with others alone. @default none */
  readonly adapters?: NamedAdapters
  /** Devices to make videos on, one at a time on each; of a server none, where workers make them. @default `auto` */
  readonly devices?: readonly string[]
  /** Seconds between checkpoints of a run. @default 30 */
  readonly checkpointSeconds?: number
  /** Steps between previews; 0 for none. @default 5 */
  readonly previewSteps?: number
}
