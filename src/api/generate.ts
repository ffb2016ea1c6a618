import type { Engine, EngineOptions, GenerateOptions } from '../engine/engine.ts'
import { builtInModel, resolveModel } from '../engine/model-name.ts'
import { packageVersion } from '../engine/package-info.ts'
import { type OutputOptions, type RenderEvent, renderVideo } from '../engine/render.ts'
import { invalidRequest, type RequestError } from '../errors.ts'
import { checkOutput } from '../media/output-path.ts'
import type { GenerateRequest } from '../pipeline/request.ts'
import { createEngine } from './engine.ts'
import { MediaFiles, type MediaSource } from './media-sources.ts'

/** Fields of a request that are one picture or clip. */
const mediaFields = ['image', 'lastImage', 'video', 'mask', 'extend'] as const
type MediaField = (typeof mediaFields)[number]

type Keyframe = NonNullable<GenerateRequest['keyframes']>[number]

/** One video: what is to be seen, which model makes it, and where it is written. */
export interface GenerateVideoOptions
  extends Omit<GenerateRequest, MediaField | 'audio' | 'keyframes' | 'references'>,
    Omit<EngineOptions, 'model' | 'lanes'>,
    GenerateOptions,
    Pick<OutputOptions, 'codec' | 'upscale'>,
    Partial<Record<MediaField, MediaSource | undefined>> {
  /**
   * A model folder, a transformer's .safetensors or .gguf file, `doodle`, or `owner/name` of a model that was pulled.
   * @default doodle
   */
  readonly model?: string
  /** File to write, as `renderVideo` takes it. Without it the frames are in the events alone. */
  readonly output?: string
  /**
   * Whether there is sound, or what is put in: a sound file or a clip.
   * @default true: the model's own, or that of the clip of `video` or `extend`
   */
  readonly audio?: boolean | MediaSource
  readonly keyframes?: readonly (Omit<Keyframe, 'path'> & { readonly path: MediaSource })[]
  readonly references?: readonly MediaSource[]
}

/**
 * Makes one video: opens the model, yields what happens, and frees the model and every file that it made on the way
 * when it ends, fails or is left early. For several videos of one model, `createEngine` opens it once.
 * @throws what `createEngine` and `renderVideo` throw
 */
export async function* generate(options: GenerateVideoOptions): AsyncGenerator<RenderEvent, void, undefined> {
  checkTypes(options)
  const { model, output, codec, upscale, ...given } = options
  const [opening, others] = parted(given, engineOptions)
  const [settings, asked] = parted(others, runOptions)
  if (output !== undefined) await checkOutput(output)
  await using files = new MediaFiles()
  const request = await requestOf(asked, files, settings.signal)
  await using engine: Engine = await createEngine({ model: await resolveModel(model), ...opening })
  const about = {
    model: model ?? builtInModel,
    version: packageVersion(),
    ...(codec !== undefined && { codec }),
    ...(upscale !== undefined && { upscale }),
  }
  const fileName = (path: string) => files.nameOf(path)
  const events =
    output === undefined
      ? engine.generate(request, settings)
      : renderVideo(engine, request, { path: output, ...about, fileName }, settings)
  for await (const event of events) {
    yield event.type === 'notice' ? { ...event, message: files.named(event.message) } : event
  }
}

/**
 * Of what is read before the request: schemas check the rest.
 * @throws RequestError `request/invalid`
 */
function checkTypes(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options)
  const { model, output, signal } = options as Readonly<Record<string, unknown>>
  for (const [name, value] of Object.entries({ model, output })) {
    if (value !== undefined && typeof value !== 'string') throw wrongType(name, 'text', value)
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrongType('signal', 'an AbortSignal', signal)
  }
}

function wrongType(subject: string, expected: string, value: unknown): RequestError {
  return invalidRequest(subject, expected, typeof value === 'object' && value !== null ? 'an object' : value)
}

/** What the engine is opened with. */
const engineOptions: Readonly<Record<Exclude<keyof EngineOptions, 'model' | 'lanes'>, true>> = {
  files: true,
  pipeline: true,
  device: true,
  precision: true,
  threads: true,
  residency: true,
  memory: true,
  promptCache: true,
  adapters: true,
  experimental: true,
}

/** How the run is made. */
const runOptions: Readonly<Record<keyof GenerateOptions, true>> = {
  signal: true,
  resume: true,
  states: true,
  previewEvery: true,
}

type Asked = Omit<
  GenerateVideoOptions,
  keyof EngineOptions | keyof GenerateOptions | 'output' | 'codec' | 'upscale'
>

async function requestOf(
  asked: Asked,
  files: MediaFiles,
  signal: AbortSignal | undefined,
): Promise<GenerateRequest> {
  const { image, lastImage, video, mask, extend, audio, keyframes, references, ...same } = asked
  const single = { image, lastImage, video, mask, extend }
  const paths: Partial<Record<MediaField, string>> = {}
  for (const field of mediaFields) {
    const source = single[field]
    if (source !== undefined) paths[field] = await files.pathOf(field, source, signal)
  }
  const pathsOf = <T>(field: string, list: readonly T[], source: (item: T) => MediaSource) =>
    Promise.all(list.map(item => files.pathOf(field, source(item), signal)))
  const framed = keyframes && (await pathsOf('keyframe', keyframes, ({ path }) => path))
  const sound =
    audio === undefined || typeof audio === 'boolean' ? audio : await files.pathOf('audio', audio, signal)
  return {
    ...same,
    ...paths,
    ...(sound !== undefined && { audio: sound }),
    ...(keyframes && { keyframes: keyframes.map((each, index) => ({ ...each, path: framed![index]! })) }),
    ...(references && { references: await pathsOf('reference', references, source => source) }),
  }
}

/** The options of `names` that are not undefined, and all others. */
function parted<T extends object, K extends keyof T>(options: T, names: Readonly<Record<K, true>>) {
  const entries = Object.entries(options)
  const of = (wanted: boolean) => entries.filter(([name]) => Object.hasOwn(names, name) === wanted)
  const named = of(true).filter(([, value]) => value !== undefined)
  return [Object.fromEntries(named), Object.fromEntries(of(false))] as unknown as [
    { [Name in K]?: Exclude<T[Name], undefined> },
    Omit<T, K>,
  ]
}
