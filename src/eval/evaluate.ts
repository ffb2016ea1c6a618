import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngine } from '../api/engine.ts'
import type { Engine, EngineOptions } from '../engine/engine.ts'
import { packageVersion } from '../engine/package-info.ts'
import { contactSheet } from '../media/contact-sheet.ts'
import type { GenerateRequest } from '../pipeline/request.ts'
import { type UnfinishedFile, unfinishedFiles } from '../unfinished-files.ts'
import { type Clip, drawScene } from './draw-scene.ts'
import { judge, type Verdict } from './judge.ts'
import { readScenes, type Scene } from './scenes.ts'
import { type Summary, summaryOf } from './summary.ts'

export interface EvaluateOptions {
  /** A model folder with an `evaluation.json`. */
  readonly model: string
  /** Prompts to use, from the first on; acts come in turn, so every one has its share. @default all */
  readonly prompts?: number
  /** Videos of each prompt. Seeds are 0, 1, … @default 1 */
  readonly seeds?: number
  /** Prompts for each further question (pictures given, settings changed); 0 for none. @default 20 */
  readonly further?: number
  readonly device?: string
  readonly threads?: number
  /** Of the weights' arithmetic, as `createEngine` takes it: two runs show what it costs. */
  readonly precision?: EngineOptions['precision']
  readonly signal?: AbortSignal
}

/** A video that was judged. */
export interface JudgedEvent {
  readonly type: 'judged'
  readonly index: number
  readonly of: number
  /** `text`, `first frame`, `steps 10`, … */
  readonly setting: string
  readonly prompt: string
  readonly seed: number
  readonly verdict: Verdict
  readonly seconds: number
}

export interface EvaluationReport {
  readonly type: 'report'
  readonly model: string
  readonly version: string
  readonly device: string
  readonly prompts: number
  readonly seeds: number
  readonly settings: Readonly<Record<string, SettingReport>>
  /** PSNR of true clips that went through the autoencoder, dB. */
  readonly autoencoderPsnr: number | undefined
  readonly clips: readonly Omit<JudgedEvent, 'type' | 'index' | 'of'>[]
  /** PNG: rows of videos, for people. */
  readonly sheet: Uint8Array
}

export interface SettingReport extends Summary {
  readonly secondsPerVideo: number
  /** dB, of given frames against what the video shows in their place. */
  readonly givenFramePsnr: number | undefined
}

interface Setting {
  readonly name: string
  readonly scenes: readonly Scene[]
  readonly seeds: number
  /** What is asked beside the prompt; frames of the true clip are files by their number. */
  readonly ask: (frames: readonly string[]) => Partial<GenerateRequest>
  /** Frames of the true clip that are given. */
  readonly given: readonly number[]
}

/** The last frame of the clips in the file. */
const last = 16

/**
 * Makes videos of held-out prompts and judges what they show, one after the other; the last event is the report.
 * @throws what `createEngine` and `generate` throw; CheckpointError for a model without prompts
 */
export async function* evaluate(options: EvaluateOptions): AsyncGenerator<JudgedEvent | EvaluationReport> {
  const all = await readScenes(options.model)
  const scenes = all.slice(0, options.prompts)
  const settings = settingsFor(scenes, options)
  const of = settings.reduce((sum, setting) => sum + setting.scenes.length * setting.seeds, 0)
  const { device, threads, precision, signal } = options
  await using engine = await createEngine({
    model: options.model,
    ...(device && { device }),
    ...(threads && { threads }),
    ...(precision && { precision }),
  })
  const folder = await mkdtemp(join(tmpdir(), 'framewright-eval-'))
  unfinishedFiles.publish({ path: folder, done: false } satisfies UnfinishedFile)
  try {
    const judged: (JudgedEvent & { readonly psnr: readonly number[] })[] = []
    const shown: Clip[] = []
    for (const setting of settings) {
      for (const scene of setting.scenes) {
        const truth = drawScene(scene, { frames: last + 1 })
        const files = await givenFiles(folder, truth, setting.given)
        for (let seed = 0; seed < setting.seeds; seed++) {
          const started = performance.now()
          const request = {
            prompt: scene.prompt,
            seed,
            width: truth.size,
            height: truth.size,
            frames: last + 1,
            ...setting.ask(files),
          }
          const clip = await makeClip(engine, request, signal)
          const seconds = (performance.now() - started) / 1000
          const event: JudgedEvent = {
            type: 'judged',
            index: judged.length + 1,
            of,
            setting: setting.name,
            prompt: scene.prompt,
            seed,
            verdict: judge(clip, scene),
            seconds,
          }
          const psnr = setting.given.map(frame => psnrOf(clip.frames[frame]!, truth.frames[frame]!))
          judged.push({ ...event, psnr })
          if (setting.name === 'text' && seed === 0 && shown.length < 12) shown.push(clip)
          yield event
        }
      }
    }
    yield {
      type: 'report',
      model: options.model,
      version: packageVersion(),
      device: engine.device,
      prompts: scenes.length,
      seeds: options.seeds ?? 1,
      settings: Object.fromEntries(
        settings.map(({ name }) => [name, settingReport(judged.filter(({ setting }) => setting === name))]),
      ),
      autoencoderPsnr:
        (options.further ?? 20) > 0
          ? await autoencoderPsnr(engine, scenes.slice(0, options.further ?? 20), folder, signal)
          : undefined,
      clips: judged.map(({ type: _type, index: _index, of: _of, psnr: _psnr, ...clip }) => clip),
      sheet: await sheetOf(shown),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
    unfinishedFiles.publish({ path: folder, done: true } satisfies UnfinishedFile)
  }
}

/** The prompts alone, then given frames, then other settings. */
function settingsFor(scenes: readonly Scene[], { seeds = 1, further = 20 }: EvaluateOptions): Setting[] {
  const few = scenes.slice(0, further)
  const setting = (name: string, ask: Setting['ask'], given: readonly number[] = []): Setting => {
    return { name, scenes: few, seeds: 1, ask, given }
  }
  const text: Setting = { name: 'text', scenes, seeds, ask: () => ({}), given: [] }
  if (further === 0) return [text]
  return [
    text,
    setting('first frame', ([first]) => ({ image: first! }), [0]),
    setting('first and last frame', ([first, end]) => ({ image: first!, lastImage: end! }), [0, last]),
    setting('keyframe in the middle', ([middle]) => ({ keyframes: [{ frame: 8, path: middle! }] }), [8]),
    setting('10 steps', () => ({ steps: 10 })),
    setting('40 steps', () => ({ steps: 40 })),
    setting('guidance 1', () => ({ guidance: 1 })),
    setting('guidance 4', () => ({ guidance: 4 })),
    setting('step cache 0.05', () => ({ stepCache: 0.05 })),
    setting('48x48', () => ({ width: 48, height: 48 })),
    setting('80x80', () => ({ width: 80, height: 80 })),
    setting('13 frames', () => ({ frames: 13 })),
    setting('21 frames', () => ({ frames: 21 })),
  ]
}

async function givenFiles(folder: string, truth: Clip, given: readonly number[]): Promise<string[]> {
  return await Promise.all(given.map(frame => writePicture(join(folder, `frame-${frame}.png`), truth, frame)))
}

async function writePicture(path: string, { frames, size }: Clip, frame: number): Promise<string> {
  await writeFile(path, await contactSheet({ frames: frames[frame]!, width: size, height: size, gap: 0 }))
  return path
}

async function makeClip(engine: Engine, request: GenerateRequest, signal?: AbortSignal): Promise<Clip> {
  const frames: Uint8Array[] = []
  let size = 0
  for await (const event of engine.generate(request, signal ? { signal } : {})) {
    if (event.type !== 'frames-decoded') continue
    size = event.width
    const bytes = event.width * event.height * 3
    for (let index = 0; index < event.count; index++)
      frames.push(event.frames.slice(index * bytes, (index + 1) * bytes))
  }
  return { size, frames }
}

/** True clips as videos to start from, of which no step is left to do: encoded and decoded. */
async function autoencoderPsnr(
  engine: Engine,
  scenes: readonly Scene[],
  folder: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  if (!engine.facts.modes.includes('video')) return undefined
  const values: number[] = []
  for (const [index, scene] of scenes.entries()) {
    const truth = drawScene(scene, { frames: last + 1 })
    const video = await mkdtemp(join(folder, `clip-${index}-`))
    for (let frame = 0; frame <= last; frame++) {
      await writePicture(join(video, `${String(frame).padStart(5, '0')}.png`), truth, frame)
    }
    const request = { prompt: scene.prompt, seed: 0, steps: 10, strength: 0.05, video }
    const clip = await makeClip(
      engine,
      { ...request, width: truth.size, height: truth.size, frames: last + 1 },
      signal,
    )
    values.push(psnrOf(joined(clip.frames), joined(truth.frames)))
  }
  return mean(values)
}

function joined(frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(frames)
}

/** Peak signal to noise ratio of 8-bit pictures, dB. */
export function psnrOf(a: Uint8Array, b: Uint8Array): number {
  const squares = a.reduce((sum, value, index) => sum + (value - b[index]!) ** 2, 0)
  return 10 * Math.log10(255 ** 2 / Math.max(squares / a.length, 1e-3))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function settingReport(
  judged: readonly (JudgedEvent & { readonly psnr: readonly number[] })[],
): SettingReport {
  const psnr = judged.flatMap(event => event.psnr)
  return {
    ...summaryOf(judged.map(({ verdict }) => verdict)),
    secondsPerVideo: mean(judged.map(({ seconds }) => seconds)),
    givenFramePsnr: psnr.length > 0 ? mean(psnr) : undefined,
  }
}

/** Every other frame of each clip in a row. */
async function sheetOf(clips: readonly Clip[]): Promise<Uint8Array> {
  const [first] = clips
  const rows = clips.map(({ frames }) => frames.filter((_, index) => index % 2 === 0))
  const all = joined(rows.flat())
  const columns = rows[0]!.length
  return await contactSheet({ frames: all, width: first!.size, height: first!.size, columns, factor: 2 })
}
