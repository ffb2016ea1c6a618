import type { Command } from 'commander'
import type { EngineOptions } from '../engine/engine.ts'
import type { SamplerName } from '../sampling/samplers/sampler.ts'
import {
  type AdapterArgument,
  adapterArgument,
  choice,
  decimal,
  decimalList,
  interval,
  type KeyframeArgument,
  keyframeArgument,
  repeated,
  seedArgument,
  threadsOption,
  type UpscaleArgument,
  upscaleArgument,
  wholeNumber,
} from './arguments.ts'

/** What commander makes of the command line. */
export interface GenerateFlags {
  readonly model?: string
  readonly output?: string
  readonly negative?: string
  readonly steps?: number
  readonly guidance?: number
  readonly guidance2?: number
  readonly seed?: bigint
  readonly size?: string
  readonly frames?: number
  readonly seconds?: number
  readonly fps?: number
  readonly sampler?: SamplerName
  readonly shift?: number
  readonly maxTextTokens?: number
  readonly image?: string
  readonly lastImage?: string
  readonly keyframe?: KeyframeArgument[]
  readonly video?: string
  readonly strength?: number
  readonly extend?: string
  readonly window?: number
  readonly overlap?: number
  readonly mask?: string
  readonly reference?: string[]
  readonly controlScale?: number[]
  readonly imageNoiseScale?: number
  readonly lora?: AdapterArgument[]
  readonly lora2?: AdapterArgument[]
  readonly guidanceInterval?: [number, number]
  readonly guidanceRescale?: number
  readonly guidanceMethod?: (typeof guidanceMethodChoices)[number]
  readonly zeroInitSteps?: number
  readonly apgEta?: number
  readonly apgNormThreshold?: number
  readonly apgMomentum?: number
  readonly stepCache?: number
  readonly decodeTimestep?: number
  readonly decodeNoiseScale?: number
  readonly decodeSeed?: bigint
  readonly device?: string
  readonly precision?: NonNullable<EngineOptions['precision']>
  readonly threads?: number
  readonly chunk?: number
  readonly memory?: number
  readonly residency?: NonNullable<EngineOptions['residency']>
  readonly count?: number
  readonly prompts?: string
  readonly lanes?: number
  readonly saveLatents?: string
  readonly upscale?: UpscaleArgument
  readonly json?: boolean
  readonly quiet?: boolean
}

/** As the public API has them; kept here too, so that help needs no runtime. A test compares them. */
export const samplerChoices = ['unipc', 'euler', 'dpm++2m', 'lcm'] as const
export const residencyChoices = ['auto', 'keep', 'release-text', 'release'] as const
export const guidanceMethodChoices = ['cfg', 'cfg-zero-star', 'apg'] as const

export function addGenerateFlags(command: Command): Command {
  addVideoFlags(command)
  addDirectionFlags(command)
  addAdapterFlags(command)
  addFinerFlags(command)
  addMachineFlags(command)
  addOutputFlags(command)
  return command
}

function addVideoFlags(command: Command): void {
  command
    .optionsGroup('The video:')
    .option(
      '-m, --model <folder|name>',
      'a model folder, or owner/name of a pulled one (default: doodle, built in)',
    )
    .option('--negative <text>', 'what the video should not show')
    .option('--steps <n>', 'denoising steps (default: the model’s)', wholeNumber('--steps'))
    .option('--guidance <g>', 'how strongly the prompt is followed; 1 is off', decimal('--guidance'))
    .option('--guidance-2 <g>', 'guidance of the second expert, for models with two', decimal('--guidance-2'))
    .option('--seed <n>', '0 to 2^64 - 1 (default: random, and printed)', seedArgument('--seed'))
    .option('--size <WxH>', 'width and height in pixels, for example 832x480')
    .option('--frames <n>', 'length in frames', wholeNumber('--frames'))
    .option('--seconds <s>', 'length in seconds, instead of --frames', decimal('--seconds'))
    .option('--fps <n>', 'frames a second', decimal('--fps'))
    .option('--sampler <name>', `${samplerChoices.join(', ')}`, choice('--sampler', samplerChoices))
    .option('--shift <s>', 'timestep shift of the schedule', decimal('--shift'))
    .option('--max-text-tokens <n>', 'tokens of the prompt that count', wholeNumber('--max-text-tokens'))
}

function addDirectionFlags(command: Command): void {
  command
    .optionsGroup('Directing it by pictures, for models that can:')
    .option('--image <file>', 'the first frame')
    .option('--last-image <file>', 'the last frame')
    .option(
      '--keyframe <frame:file[:strength]>',
      'a picture, or a clip, at a frame; repeatable',
      keyframeArgument,
    )
    .option('--video <file>', 'a video, or a folder of pictures, to start from or as a control')
    .option('--strength <s>', 'how far the result may go from --video, above 0 to 1', decimal('--strength'))
    .option('--extend <video>', 'go on from the end of a clip; --frames or --seconds say how far')
    .option(
      '--window <n>',
      'frames made at a time with --extend (default: the model’s)',
      wholeNumber('--window'),
    )
    .option(
      '--overlap <n>',
      'frames that a window begins with (default: two latents, or 1)',
      wholeNumber('--overlap'),
    )
    .option('--mask <file>', 'white where the control video may be changed')
    .option('--reference <file>', 'a picture of what is to appear; repeatable', repeated)
    .option(
      '--control-scale <s>',
      'strength of the control, or one for each layer: 1,0.5',
      decimalList('--control-scale'),
    )
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

function addFinerFlags(command: Command): void {
  const numbers: readonly (readonly [name: string, value: string, about: string])[] = [
    ['--guidance-rescale', 'share', 'how far guidance keeps the contrast, 0 (default: off) to 1'],
    ['--apg-eta', 'share', 'apg: guidance along the prompt that is kept, 0 (default) to 1'],
    ['--apg-norm-threshold', 'norm', 'apg: cuts guidance to a length (default: 0, no cut)'],
    ['--apg-momentum', 'share', 'apg: weight of the steps before (default: -0.5)'],
    ['--step-cache', 'share', 'skip steps that change less than this, such as 0.05 (default: 0, off)'],
    ['--image-noise-scale', 'share', 'noise on given pictures, for models that take it (default: 0.15)'],
    ['--decode-timestep', 't', 'timestep of the decoder, for models that take it'],
    ['--decode-noise-scale', 'share', 'noise before decoding, for models that take it'],
  ]
  command
    .optionsGroup('Finer control:')
    .option(
      '--guidance-method <name>',
      `${guidanceMethodChoices.join(', ')} (default: cfg)`,
      choice('--guidance-method', guidanceMethodChoices),
    )
    .option(
      '--guidance-interval <from,to>',
      'share of the steps that have guidance (default: 0,1)',
      interval('--guidance-interval'),
    )
    .option(
      '--zero-init-steps <n>',
      'cfg-zero-star: first steps that change nothing (default: 1)',
      wholeNumber('--zero-init-steps'),
    )
    .option(
      '--decode-seed <n>',
      'seed of noise in the decoder (default: the seed)',
      seedArgument('--decode-seed'),
    )
  for (const [name, value, about] of numbers) command.option(`${name} <${value}>`, about, decimal(name))
}

function addMachineFlags(command: Command): void {
  command
    .optionsGroup('The machine:')
    .option('--device <name>', 'auto, cpu, cuda or cuda:N; cuda:0,cuda:1 share each step (default: auto)')
    .option(
      '--precision <type>',
      'f32, bf16 or f16 (default: f32 on a CPU, bf16 on a GPU)',
      choice('--precision', ['f32', 'bf16', 'f16']),
    )
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
    .option('--chunk <n>', 'latent frames decoded at a time (default: 4)', wholeNumber('--chunk'))
    .option(
      '--residency <how>',
      'auto, keep, release-text or release: components that stay in memory (default: auto, as many as fit)',
      choice('--residency', residencyChoices),
    )
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
    .option('--json', 'print every event as a line of JSON')
    .option('--quiet', 'print the path of the video and nothing else')
    .option('--debug', 'print the stack of errors')
}
