/** What happens while a model is pulled, in this order; the events of one file come together. */
export type PullEvent = PullStartEvent | FileProgressEvent | FileRetryEvent | FileEndEvent | PullEndEvent

export interface PullStartEvent {
  readonly type: 'pull-start'
  readonly id: string
  /** The commit that the revision stands for. */
  readonly commit: string
  /** Folder that the files go to. */
  readonly path: string
  readonly files: number
  /** Of all files together. */
  readonly bytes: number
}

export interface FileProgressEvent {
  readonly type: 'file-progress'
  readonly file: string
  /** Of `bytes`, what an earlier pull left included. */
  readonly received: number
  readonly bytes: number
}

/** A transfer failed and is taken up again. */
export interface FileRetryEvent {
  readonly type: 'file-retry'
  readonly file: string
  readonly reason: string
  /** Until the next attempt. */
  readonly delayMs: number
}

export interface FileEndEvent {
  readonly type: 'file-end'
  readonly file: string
  readonly bytes: number
  /** True when the file was there already. */
  readonly reused: boolean
}

export interface PullEndEvent {
  readonly type: 'pull-end'
  /** The model's folder, or the file or folder of it that was asked for: complete and verified. */
  readonly path: string
}
