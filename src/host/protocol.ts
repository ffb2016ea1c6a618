/** What a supervisor and an engine host say to each other: JSON, over the channel of `child_process.fork`. */
import type { AdapterOptions } from '../engine/adapters.ts'
import type { JsonObject, TaskFailure, TaskProgress, TaskResult } from '../jobs/task.ts'
import type { FileStamp } from '../weights/file-stamp.ts'

/** One video to make, with absolute paths. */
export interface RunSpec {
  /** As `resolveModel` takes it. */
  readonly model: string
  /** Fields of `GenerateRequest` as JSON: seeds as decimal strings, files as paths. */
  readonly generate: JsonObject
  /** Adapters to run the model with, by the names that tasks call them by. */
  readonly adapters: readonly RunAdapter[]
  /** Files to write: an MP4, a JPEG and a PNG. */
  readonly video: string
  readonly thumbnail: string
  readonly spritesheet: string
  /** Where the state of the run is saved, and read from when it is there. */
  readonly checkpoint: { readonly path: string; readonly everySeconds: number }
  /** A JPEG every so many steps, `<folder>/<step>.jpg`; 0 for none. */
  readonly preview: { readonly everySteps: number; readonly folder: string }
}

/** Scale of its own, file and expert of the runner's. */
export interface RunAdapter extends AdapterOptions {
  readonly name: string
}

/** What becomes the result of a task. */
export interface RunResult extends Omit<TaskResult, 'outputs' | 'notices'> {
  /** Step that the run went on from; 0 when it began anew. */
  readonly resumedAt: number
}

export type HostCommand =
  | { readonly type: 'run'; readonly id: string; readonly spec: RunSpec }
  /** `save`: leave a checkpoint of the last step. */
  | { readonly type: 'stop'; readonly id: string; readonly save: boolean }
  | { readonly type: 'ping'; readonly number: number }
  /** Frees the model and ends the process. */
  | { readonly type: 'close' }

export type HostReply =
  | { readonly type: 'ready' }
  /** Its device does not work: the process ends. */
  | { readonly type: 'unusable'; readonly failure: TaskFailure }
  | { readonly type: 'pong'; readonly number: number; readonly residentBytes: number }
  /** The model of a run is there, as an engine of `device`. `reused`: the run before had left it loaded. */
  | { readonly type: 'model'; readonly id: string; readonly device: string; readonly reused: boolean }
  /** Before it is mapped. */
  | { readonly type: 'mapped'; readonly file: FileStamp }
  | { readonly type: 'progress'; readonly id: string; readonly progress: HostProgress }
  /** Something that whoever reads the log wants to know. */
  | { readonly type: 'note'; readonly id: string; readonly text: string }
  | { readonly type: 'end'; readonly id: string; readonly end: RunEnd }

/** Progress with the step of the latest preview, whose file is at a place that the supervisor knows. */
export interface HostProgress extends Omit<TaskProgress, 'preview'> {
  readonly previewStep?: number
  /** Of the step that has just ended. */
  readonly stepSeconds?: number
}

export type RunEnd =
  | { readonly type: 'done'; readonly result: RunResult }
  | { readonly type: 'failed'; readonly failure: TaskFailure }
  | { readonly type: 'stopped' }
