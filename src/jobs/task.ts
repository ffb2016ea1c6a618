/** Records of tasks. Everything in them is JSON, so that any store can hold it. */

import type { Notice } from '../notices.ts'
import type { SoundOrigin } from '../pipeline/events.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }
export type JsonObject = { readonly [name: string]: Json }

/**
 * queued → running → succeeded | failed | cancelled. A task whose runner dies, or hands it back, is queued again with
 * its checkpoint; the last three states are final.
 */
export const taskStates = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type TaskState = (typeof taskStates)[number]

export const finalStates: readonly TaskState[] = ['succeeded', 'failed', 'cancelled']

/** What is to be made. */
export interface TaskRequest {
  /** Model as `resolveModel` takes it. A runner takes only tasks of models it has. */
  readonly model: string
  /**
   * Fields of `GenerateRequest` as JSON: the seed, which is set before the task is created, as a decimal string, and
   * files as keys of `Storage`.
   */
  readonly generate: JsonObject
  /** Adapters to run the model with, by the names that runners have them under. @default none */
  readonly adapters?: readonly TaskAdapter[]
}

export interface TaskAdapter {
  readonly name: string
  readonly scale: number
}

export interface NewTask {
  /** UUID. @default one of its own */
  readonly id?: string
  /** Id of the API key that it belongs to. */
  readonly owner: string
  /** Name of the interface that it came through, such as `runway`; `list` can ask for it. */
  readonly api: string
  readonly request: TaskRequest
  /** What the interface wants to know about the task later, such as the model's public name. Not read by a runner. */
  readonly about: JsonObject
  /** Higher goes first. @default 0 */
  readonly priority?: number
  /**
   * A second task of the same owner with the same key within `seconds` is not made: the first is returned.
   * `fingerprint` is a hash of the request.
   */
  readonly idempotency?: { readonly key: string; readonly fingerprint: string; readonly seconds: number }
  /** Where its end is announced. */
  readonly webhook?: { readonly url: string }
  /** Numbers of tasks from which on none is made; counted and made in one step. */
  readonly limits?: TaskLimits
}

export interface TaskLimits {
  /** Tasks of the owner that are queued or running. */
  readonly active?: number
  /** Tasks of all owners that are queued. */
  readonly queued?: number
}

export interface TaskRecord extends Omit<NewTask, 'id' | 'idempotency' | 'priority' | 'limits'> {
  /** UUID. */
  readonly id: string
  readonly priority: number
  readonly state: TaskState
  /** Tasks that are running or go first; 0 unless queued. */
  readonly ahead: number
  /** Runs that were begun: 0 before the first. A runner's attempt is this number: the fence of what it writes. */
  readonly attempt: number
  readonly progress: TaskProgress
  readonly result?: TaskResult
  readonly failure?: TaskFailure
  /** Whether the client that created it is known to have got the answer. @default false */
  readonly answered?: boolean
  /** ISO 8601, UTC. */
  readonly createdAt: string
  readonly startedAt?: string
  readonly finishedAt?: string
}

/** How far a run is. `fraction` never falls, also across attempts. */
export interface TaskProgress {
  /** 0 to 1. */
  readonly fraction: number
  readonly stage: 'waiting' | 'loading' | 'conditioning' | 'denoising' | 'decoding' | 'done'
  /** Steps that are done, of how many; 0 of 0 before the first is known. */
  readonly step: number
  readonly of: number
  /** Estimate of what is left, once a step was timed. */
  readonly secondsLeft?: number
  /** The latest picture of the latents: a JPEG in `Storage`. */
  readonly preview?: { readonly key: string; readonly step: number }
  /** What is not made as it was asked for, as far as the run has noticed; without paths of the machine. */
  readonly notices?: readonly Notice[]
}

export const noProgress: TaskProgress = { fraction: 0, stage: 'waiting', step: 0, of: 0 }

export interface TaskResult {
  readonly outputs: readonly TaskOutput[]
  readonly width: number
  readonly height: number
  /** Of the file: a video that goes on from another begins with that one's. */
  readonly frames: number
  readonly fps: number
  /** The sound of the file. @default none */
  readonly sound?: TaskSound
  /** Decimal. */
  readonly seed: string
  /** By stage, and `total`: of the attempt that ended it. */
  readonly seconds: { readonly [stage: string]: number }
  /** Largest resident memory of the process that made it. */
  readonly peakMemoryBytes: number
  /** @default none */
  readonly notices?: readonly Notice[]
}

export interface TaskSound {
  /** Samples a second. */
  readonly rate: number
  readonly channels: number
  /** How long it is: it may end before the picture. */
  readonly seconds: number
  /** `made` by the model, `kept` of the video that is worked from, or `given` as a file. */
  readonly origin: SoundOrigin
}

export interface TaskOutput {
  readonly name: 'video' | 'thumbnail' | 'spritesheet'
  /** In `Storage`. */
  readonly key: string
  readonly contentType: string
  readonly bytes: number
}

export interface TaskFailure {
  /** A code of docs/errors.md, or `internal`. */
  readonly code: string
  /** Names no path of the machine that it happened on. */
  readonly message: string
  /** The field of `TaskRequest.generate` that the message begins with, where one is to blame. */
  readonly field?: string
  /** What the run that failed had noticed. @default none */
  readonly notices?: readonly Notice[]
}
