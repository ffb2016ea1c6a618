import { type Command, Option } from 'commander'
import { negatedName, type RequestFlag, requestFlags } from '../api/request-flags.ts'
import type { EngineOptions } from '../engine/engine.ts'
import type { ModelFiles } from '../engine/model-files.ts'
import type { ArgumentType } from '../pipeline/fields/argument-types.ts'
import type { FlagGroup } from '../pipeline/fields/field.ts'
import type { GenerateRequest } from '../pipeline/fields/request-fields.ts'
import {
  type AdapterArgument,
  adapterArgument,
  type CheckpointInterval,
  checkpointInterval,
  choice,
  decimal,
  precisionOption,
  reader,
  threadsOption,
  type UpscaleArgument,
  upscaleArgument,
  wholeNumber,
} from './arguments.ts'
import { type TensorRtFlag, tensorRtOption } from './tensorrt-flag.ts'

/** What commander makes of the flags of a model's other files. */
export interface ModelFileFlags extends Omit<ModelFiles, 'modelsFolder'> {
  readonly modelsDir?: string
}

/** The file of a model that each of them names. */
const fileFlags: Readonly<Record<keyof ModelFileFlags, keyof ModelFiles>> = {
  transformer2: 'transformer2',
  textEncoder: 'textEncoder',
  textEncoder2: 'textEncoder2',
  connectors: 'connectors',
  vae: 'vae',
  audioVae: 'audioVae',
  imageEncoder: 'imageEncoder',
  tokenizer: 'tokenizer',
  modelsDir: 'modelsFolder',
}

/** What commander makes of the flags that are no fields of a request; `requestOf` has those. */
export interface GenerateFlags extends ModelFileFlags {
  readonly model?: string
  readonly output?: string
  readonly lora?: AdapterArgument[]
  readonly lora2?: AdapterArgument[]
  readonly device?: string
  readonly tensorrt?: TensorRtFlag
  readonly precision?: NonNullable<EngineOptions['precision']>
  readonly threads?: number
  readonly memory?: number
  readonly residency?: NonNullable<EngineOptions['residency']>
  readonly promptCache?: boolean | string
  readonly experimental?: boolean
  readonly count?: number
  readonly prompts?: string
  readonly lanes?: number
  readonly saveLatents?: string
  readonly checkpointEvery?: CheckpointInterval
  readonly resume?: boolean
  readonly upscale?: UpscaleArgument
  /** False with --no-clobber. */
  readonly clobber?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
}

/** As the public API has them; kept here too, so that help needs no runtime. A test compares them. */
export const residencyChoices = ['auto', 'keep', 'release-text', 'release'] as const

/** The fields of a request that a command line gives. */
export function requestOf(flags: GenerateFlags): Partial<GenerateRequest> {
  const values = flags as Readonly<Record<string, unknown>>
  const entries = requestFlags.map(({ fields, ...flag }) => {
    const value = values[optionOf(flag).attributeName()]
    if (value === undefined) return {}
    return fields.length === 1 ? { [fields[0]!]: value } : (value as object)
  })
  return Object.assign({}, ...entries) as Partial<GenerateRequest>
}

function optionOf({ name, argument, about }: Pick<RequestFlag, 'name' | 'argument' | 'about'>): Option {
  return new Option(`${name} ${argument}`, about)
}

function addRequestFlags(command: Command, group: FlagGroup): void {
  for (const flag of requestFlags.filter(each => each.group === group)) {
    command.addOption(optionOf(flag).argParser(reader(flag.name, flag.type as ArgumentType<unknown>)))
    if (flag.negated !== undefined) command.option(negatedName(flag.name), flag.negated)
  }
}

export function addGenerateFlags(command: Command): Command {
  command
    .optionsGroup('The video:')
    .option(
      '-m, --model <folder|file|name>',
      'a model folder, a transformer’s .safetensors or .gguf, or owner/name of a pulled one (default: doodle, built in)',
    )
  addRequestFlags(command, 'video')
  command.optionsGroup('Directing it by pictures, for models that can:')
  addRequestFlags(command, 'pictures')
  addFileFlags(command)
  addAdapterFlags(command)
  command.optionsGroup('Finer control:')
  addRequestFlags(command, 'finer')
  addMachineFlags(command)
  addRequestFlags(command, 'machine')
  addOutputFlags(command)
  return command
}

/** The flags of a model's other files. */
export function addFileFlags(command: Command): void {
  command
    .optionsGroup('The other files, where --model is one (default: found near it):')
    .option('--transformer-2 <file>', 'the low-noise network, of models with two')
    .option('--text-encoder <file|folder>', 'the text encoder')
    .option('--text-encoder-2 <file>', 'the second text encoder, of models with two')
    .option(
      '--connectors <file>',
      'what the text goes through after its encoder, of models that have it apart',
    )
    .option('--vae <file>', 'the VAE')
    .option('--audio-vae <file>', 'the VAE and vocoder of the sound, of models that make it')
    .option('--image-encoder <file>', 'the vision encoder, of models that see pictures through one')
    .option(
      '--tokenizer <folder|file>',
      'a folder with tokenizer.json or spiece.model (default: the text encoder’s)',
    )
    .option(
      '--models-dir <folder>',
      'where they are looked for, such as ComfyUI’s models/ ($FRAMEWRIGHT_MODELS)',
    )
}

/** The files of a model that the flags name. */
export function modelFilesOf(flags: ModelFileFlags): ModelFiles {
  const named = Object.entries(fileFlags).map(([flag, file]) => [file, flags[flag as keyof ModelFileFlags]])
  return Object.fromEntries(named.filter(([, path]) => path !== undefined))
}

/** The other flags. */
export function withoutModelFiles<F extends ModelFileFlags>(flags: F): Omit<F, keyof ModelFileFlags> {
  const rest = Object.entries(flags).filter(([flag]) => !Object.hasOwn(fileFlags, flag))
  return Object.fromEntries(rest) as Omit<F, keyof ModelFileFlags>
}

function addAdapterFlags(command: Command): void {
  command
    .optionsGroup('Adapters:')
    .option(
      '--lora <file[:scale]>',
      'a LoRA, and how strongly it counts (default: 1); repeatable',
      adapterArgument('--lora'),
    )
    .option(
      '--lora-2 <file[:scale]>',
      'one for the second expert, of models with two; repeatable',
      adapterArgument('--lora-2'),
    )
}

/** `--experimental`, of every command that runs models. */
export function addExperimentalFlag(command: Command): Command {
  return command.option('--experimental', 'run models that are not checked in full, such as LTX-2.5')
}

function addMachineFlags(command: Command): void {
  command
    .optionsGroup('The machine:')
    .option(
      '--device <name>',
      'auto, cpu, cuda:N or tensorrt:N; cuda:0,cuda:1 share each step (default: auto)',
    )
    .addOption(tensorRtOption())
    .addOption(precisionOption())
    .addOption(threadsOption('CPU threads in all'))
    .option(
      '--lanes <n>',
      'videos made at a time (default: 1)',
      wholeNumber('--lanes', { from: 1, to: 1024 }),
    )
    .option(
      '--memory <GB>',
      'memory of the device that may be used (default: what is free)',
      decimal('--memory'),
    )
    .option(
      '--residency <how>',
      'auto, keep, release-text or release: components that stay in memory (default: auto, as many as fit)',
      choice('--residency', residencyChoices),
    )
    .option(
      '--prompt-cache [folder]',
      'keep what text encoders give, so that a prompt is encoded once (default: not; without a folder in the user’s cache)',
    )
  addExperimentalFlag(command)
}

function addOutputFlags(command: Command): void {
  command
    .optionsGroup('What is written:')
    .option(
      '-o, --output <path>',
      '.mp4, .webm, .gif, .webp, or a folder/ for PNG files; {seed} and {index} are filled in (default: named after the prompt, .mp4)',
    )
    .option(
      '--count <n>',
      'videos of each prompt, from consecutive seeds (default: 1)',
      wholeNumber('--count', { from: 1, to: 10_000 }),
    )
    .option('--prompts <file>', 'a prompt on every line, instead of the argument; # begins a comment line')
    .option(
      '--upscale <n[:kernel]>',
      'enlarge by a whole number: 4:nearest, or 2:lanczos (the default kernel)',
      upscaleArgument,
    )
    .option('--save-latents <file>', 'write the denoised latents too, as .safetensors')
    .option(
      '--checkpoint-every <n|Ns>',
      'save the state of the run every n steps, or N seconds, beside the output, to go on from with --resume',
      checkpointInterval,
    )
    .option('--resume', 'go on from the checkpoint of the same command, where it was stopped or killed')
    .option('--no-clobber', 'refuse to replace a file that is there')
    .option('--json', 'print every event as a line of JSON')
    .option('--quiet', 'print the path of the video and nothing else')
    .option('--debug', 'print the stack of errors')
}
