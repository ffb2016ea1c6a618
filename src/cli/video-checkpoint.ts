import { createHash } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { loadDenoiseState, saveDenoiseState } from '../engine/denoise-file.ts'
import { builtInModel } from '../engine/model-name.ts'
import { invalidRequest } from '../errors.ts'
import type { DenoiseState } from '../pipeline/denoise-state.ts'
import { unfinishedPath } from '../unfinished-files.ts'
import { readSafetensorsHeader } from '../weights/read-header.ts'
import type { CheckpointInterval } from './arguments.ts'
import { type GenerateFlags, modelFilesOf, requestOf } from './generate-flags.ts'
import { UsageError } from './usage-error.ts'
import type { VideoJob } from './video-jobs.ts'

/** Everything that a video depends on, by the name that a message calls it by. */
type Request = Readonly<Record<string, unknown>>

/** The saved state of a video that is being made, in a file beside the output: `.a.mp4.checkpoint`. */
export class VideoCheckpoint {
  readonly path: string
  readonly #interval: CheckpointInterval | undefined
  readonly #request: Request
  #savedAt = performance.now()
  #latest: DenoiseState | undefined
  #saved: DenoiseState | undefined

  constructor(job: VideoJob, flags: GenerateFlags) {
    this.path = checkpointPath(job.output)
    this.#interval = flags.checkpointEvery
    this.#request = describe(job, flags)
  }

  /**
   * The state to go on from; undefined where none was saved.
   * @throws RequestError that names what differs, for the checkpoint of another request
   */
  async load(): Promise<DenoiseState | undefined> {
    const saved = await savedRequest(this.path)
    if (saved === undefined) return undefined
    const request: Request = JSON.parse(JSON.stringify(this.#request))
    const names = [...new Set([...Object.keys(saved.request), ...Object.keys(request)])]
    const different = names.filter(name => text(saved.request[name]) !== text(request[name]))
    if (different.length === 0) return await loadDenoiseState(this.path, saved.text)
    throw invalidRequest(
      '--resume',
      `the request that ${this.path} was saved for`,
      different
        .map(name => `${name} ${text(request[name])} where it has ${text(saved.request[name])}`)
        .join(', '),
      'Give the same command again, or leave --resume out to start anew.',
    )
  }

  /** Saves the state after a step, where it is time to. */
  async step(state: DenoiseState): Promise<void> {
    this.#latest = state
    const { steps, seconds } = this.#interval ?? {}
    const due =
      steps === undefined
        ? seconds !== undefined && performance.now() - this.#savedAt >= seconds * 1000
        : state.step % steps === 0
    if (due) await this.#save(state)
  }

  /** Saves the last step of a run that was stopped. @returns that step, where checkpoints were asked for */
  async flush(): Promise<number | undefined> {
    if (this.#interval === undefined || this.#latest === undefined) return undefined
    if (this.#latest !== this.#saved) await this.#save(this.#latest)
    return this.#latest.step
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true })
  }

  async #save(state: DenoiseState): Promise<void> {
    await saveDenoiseState(this.path, state, JSON.stringify(this.#request, plain))
    this.#saved = state
    this.#savedAt = performance.now()
  }
}

/**
 * The videos of a command that goes on from checkpoints: with the seeds that were saved, where the command has none.
 * @throws UsageError for a command that does not say where the checkpoints are, or whose runs have none
 */
export async function withSavedSeeds(jobs: readonly VideoJob[], flags: GenerateFlags): Promise<VideoJob[]> {
  const { checkpointEvery, resume, output } = flags
  if (checkpointEvery === undefined && !resume) return [...jobs]
  if (jobs.some(({ request }) => request.extend !== undefined)) {
    const subject = resume ? '--resume' : '--checkpoint-every'
    throw new UsageError({ subject, expected: 'a video of one window', got: '--extend' })
  }
  const seeded = requestOf(flags).seed !== undefined
  if (!resume || (seeded && output !== undefined)) return [...jobs]
  if (output === undefined || output.includes('{seed}')) {
    const got = output === undefined ? 'none' : `${output} without a --seed`
    const advice = 'The checkpoint lies beside the output.'
    throw new UsageError({ subject: '--resume', expected: 'the --output of the run', got, advice })
  }
  return await Promise.all(
    jobs.map(async job => {
      const seed = (await savedRequest(checkpointPath(job.output)))?.request.seed
      return typeof seed === 'string' ? { ...job, request: { ...job.request, seed: BigInt(seed) } } : job
    }),
  )
}

function checkpointPath(output: string): string {
  const path = resolve(output)
  const ending = '.checkpoint'
  const place = unfinishedPath(path, ending)
  if (basename(place) === `.${basename(path)}${ending}`) return place
  // A name that is cut may be the beginning of others' names, too.
  const digest = createHash('sha256').update(basename(path)).digest('hex')
  return unfinishedPath(path, `.${digest.slice(0, 12)}${ending}`)
}

async function savedRequest(path: string): Promise<{ text: string; request: Request } | undefined> {
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined
  const { metadata } = await readSafetensorsHeader(path)
  const saved = metadata.get('request') ?? '{}'
  return { text: saved, request: JSON.parse(saved) }
}

/** Where a video is computed makes no other request of it. */
function describe({ request }: VideoJob, flags: GenerateFlags): Request {
  const { model = builtInModel, precision, lora, lora2 } = flags
  const all = { ...request, model, ...modelFilesOf(flags), precision, lora, 'lora-2': lora2 }
  return JSON.parse(JSON.stringify(all, plain))
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function text(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value)
}
