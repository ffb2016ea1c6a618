/**
 * The bodies of the interface beyond Runway's and OpenAI's: what a page, or a program that knows the engine's own fields,
 * sends and gets. The page imports types alone of this file.
 */
import { z } from 'zod'
import {
  type JsonObject,
  type TaskProgress,
  type TaskResult,
  type TaskState,
  taskStates,
} from '../../jobs/task.ts'
import type { Notice } from '../../notices.ts'
import type { FlagGroup } from '../../pipeline/fields/field.ts'
import type { Defaults, Mode, Preset } from '../../pipeline/model-facts.ts'

const adapter = z.object({ name: z.string().min(1).max(64), scale: z.number().min(-10).max(10).default(1) })

export const taskBody = z.object({
  /** A checkpoint of `GET /v1/capabilities`, or an alias. */
  model: z.string().min(1).max(256),
  /**
   * Fields of the engine's requests by their own names, as `fields` of `GET /v1/capabilities` describes them. Files are addresses:
   * `https:`, `data:`, `runway://` of an upload, or `task://` of an own task.
   */
  request: z.record(z.string().max(64), z.unknown()),
  /** Adapters of the operator, by name. */
  loras: z.array(adapter).max(8).default([]),
  /** Higher goes first, among the tasks that wait. Above 0, it would go before those of others: see `priorityRange`. */
  priority: z.int().min(-10).max(10).default(0),
})

export type TaskBody = z.input<typeof taskBody>

export const taskListQuery = z.object({
  after: z.string().max(100).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  order: z.enum(['asc', 'desc']).default('desc'),
  search: z.string().max(200).optional(),
  states: z
    .string()
    .max(100)
    .optional()
    .transform(text => text?.split(','))
    .pipe(z.array(z.enum(taskStates)).optional()),
})

/** What a video can be had as, beside the file that was made. */
export const conversionNames = ['gif', 'frames', 'last-frame'] as const
export type ConversionName = (typeof conversionNames)[number]

/** A task with all that there is to show of it, and to make it again. */
export interface TaskView {
  readonly id: string
  readonly state: TaskState
  /** The interface that it came through. */
  readonly api: string
  readonly createdAt: string
  readonly startedAt?: string
  readonly finishedAt?: string
  /** The checkpoint. */
  readonly model: string
  /** As `POST /v1/tasks` takes it; files as `task://` addresses. */
  readonly request: JsonObject
  readonly loras: readonly { readonly name: string; readonly scale: number }[]
  readonly priority: number
  /** Tasks that are running or go first; 0 unless queued. */
  readonly ahead: number
  readonly attempt: number
  readonly progress: Omit<TaskProgress, 'preview' | 'notices'> & { readonly preview?: PreviewView }
  readonly notices: readonly Notice[]
  readonly result?: Omit<TaskResult, 'outputs' | 'notices'>
  /** Signed addresses of its outputs; none before it has succeeded. */
  readonly outputs: Partial<Record<'video' | 'thumbnail' | 'spritesheet', string>>
  /** Signed addresses of its video as other kinds of files; none before it has succeeded. */
  readonly conversions: Partial<Record<ConversionName, string>>
  /** Signed addresses of the files of the request, by their `task://` addresses. */
  readonly files: Readonly<Record<string, string>>
  readonly failure?: { readonly code: string; readonly message: string }
}

export interface PreviewView {
  readonly step: number
  /** Signed. */
  readonly url: string
}

export interface TaskList {
  readonly tasks: readonly TaskView[]
  /** What `after` of the next page is; left out at the end. */
  readonly next?: string
}

/** Plan of a task that is not created. */
export interface TaskPlan {
  readonly width: number
  readonly height: number
  readonly frames: number
  readonly fps: number
  readonly steps: number
  /** What is not made as it is asked for. */
  readonly notices: readonly Notice[]
  /** The command line that makes the same. */
  readonly command: string
  /** Estimated from earlier videos of this model; left out before the first. */
  readonly seconds?: number
  /** Left out where this server has no device. */
  readonly memory?: MemoryView
}

export interface MemoryView {
  readonly device: string
  /** Bytes at the fullest moment, of the plan that is taken, or else of the smallest. */
  readonly bytes: number
  /** Bytes that are free; left out for a device that does not tell. */
  readonly free?: number
  readonly fits: boolean
  /** How the memory is used. */
  readonly text: string
}

export interface Capabilities {
  readonly version: string
  /** Whether this server makes videos itself. */
  readonly devices: readonly string[]
  readonly models: readonly ModelView[]
  readonly fields: readonly FieldView[]
  /** Priorities that the tasks of whoever asks can have. */
  readonly priority: { readonly min: number; readonly max: number }
}

export interface ModelView {
  readonly name: string
  readonly aliases: readonly string[]
  readonly modes: readonly Mode[]
  readonly requires: readonly Mode[]
  readonly extends: boolean
  readonly defaults: Defaults
  readonly sizes: {
    readonly width: SizeSteps
    readonly height: SizeSteps
    readonly frames: SizeSteps
  }
  readonly adapters: readonly string[]
  /** Names of the fields that it has a use for. */
  readonly fields: readonly string[]
  /** Settings of few-step models and adapters, which `preset` of a request names. */
  readonly presets: readonly PresetView[]
}

export type PresetView = Pick<Preset, 'name' | 'what' | 'source' | 'fields'>

export interface SizeSteps {
  readonly first: number
  readonly step: number
  readonly last?: number
}

export interface FieldView {
  readonly name: string
  /** As the help of the command line says it. */
  readonly about: string
  readonly flag?: string
  readonly group?: FlagGroup
  /** JSON Schema. */
  readonly schema: JsonObject
  /** Of a field that is an address, or a list of them: what the file is. */
  readonly file?: 'image' | 'video' | 'either'
}

/** Events of `GET /v1/events`, by name. */
export interface OwnerEvents {
  readonly task: TaskView
  readonly preview: { readonly id: string; readonly step: number; readonly jpeg: string }
  readonly removed: { readonly id: string }
}
