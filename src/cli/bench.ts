import { readFile, writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { BenchmarkOptions } from '../benchmark/context.ts'
import type { BenchmarkReport } from '../benchmark/report.ts'
import { builtInModel, resolveModel } from '../engine/model-name.ts'
import { parseSize } from '../geometry/parse-size.ts'
import { choice, threadsOption, wholeNumber } from './arguments.ts'
import { benchText, comparisonText } from './bench-text.ts'
import { residencyChoices } from './generate-flags.ts'
import { interruptSignal } from './interrupt.ts'
import { type TensorRtFlag, tensorRtOption, withTensorRt } from './tensorrt-flag.ts'
import { UsageError } from './usage-error.ts'

/** What each command measures; they share their flags. */
const measured = {
  step: 'A step: one pass of the transformer, two with guidance',
  generate: 'A whole video, by stage',
  load: 'Loading the transformer',
  vae: 'Decoding a clip',
  text: 'Encoding a prompt',
  throughput: 'Videos an hour, several at a time',
} as const satisfies Record<BenchmarkOptions['what'], string>

const examples = `
Examples:
  framewright bench step                                     a step of the built-in model
  framewright bench step --size 128x128 --repeat 20 --json step.json --html step.html
  framewright bench step --synthetic wan-t2v-1.3b --size 832x480 --frames 81 --device cuda
  framewright bench compare step.json other.json

Every figure is a median with the 95th percentile beside it. The limits that they are shares of, products of large
matrices and reading and writing, are measured on the same device, through the same runtime. See docs/benchmark.md.`

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('Measure a model on this machine, and how far from the limits of the device it is')
    .addHelpText('after', examples)
  for (const [what, description] of Object.entries(measured)) {
    command.addCommand(questionCommand(what as BenchmarkOptions['what'], description))
  }
  return command.addCommand(compareCommand())
}

interface Flags {
  readonly model?: string
  readonly synthetic?: string
  readonly folder?: string
  readonly stored?: 'f32' | 'f16' | 'bf16'
  readonly layers?: number
  readonly size?: string
  readonly frames?: number
  readonly steps?: number
  readonly concurrency?: number
  readonly chunk?: number
  readonly device?: string
  readonly tensorrt?: TensorRtFlag
  readonly precision?: 'f32' | 'f16' | 'bf16' | 'fp8'
  readonly threads?: number
  readonly residency?: (typeof residencyChoices)[number]
  readonly repeat?: number
  readonly profile: boolean
  readonly json?: string
  readonly html?: string
}

const dtypes = ['f32', 'f16', 'bf16'] as const

function questionCommand(what: BenchmarkOptions['what'], description: string): Command {
  const count = (flag: string) => wholeNumber(flag, { from: 1, to: 1_000_000 })
  const command = new Command(what)
    .description(description)
    .option(
      '-m, --model <folder|name>',
      'model folder, or owner/name of a pulled one (default: doodle, built in)',
    )
    .option('--synthetic <name>', 'a published model with random weights, instead')
    .option(
      '--folder <path>',
      'with --synthetic: where its weights are put and kept (default: a temporary folder)',
    )
    .option(
      '--stored <type>',
      'with --synthetic: how they are stored (default: as published)',
      choice('--stored', dtypes),
    )
    .option('--layers <n>', 'with --synthetic: so many layers of its transformer', count('--layers'))
    .option('--size <WxH>', "width and height (default: the model's)")
    .option('--frames <n>', "length of the clip (default: the model's)", count('--frames'))
  if (what === 'generate' || what === 'throughput') {
    command.option('--steps <n>', "steps of a video (default: the model's)", count('--steps'))
  }
  if (what === 'vae') {
    command.option(
      '--chunk <n>',
      'latent frames decoded at a time (default: as many as fit)',
      count('--chunk'),
    )
  }
  if (what === 'throughput') {
    command.option('--concurrency <n>', 'videos made at a time (default: 2)', count('--concurrency'))
  }
  return command
    .option('--device <name>', 'auto, cpu, cuda:N or tensorrt:N (default: auto)')
    .addOption(tensorRtOption())
    .option(
      '--precision <type>',
      'float type of the transformer, or fp8',
      choice('--precision', [...dtypes, 'fp8']),
    )
    .addOption(threadsOption())
    .option(
      '--residency <mode>',
      'auto, keep, release-text or release: components that stay in memory (default: auto)',
      choice('--residency', residencyChoices),
    )
    .option('--repeat <n>', 'times that everything is measured (default: 5)', count('--repeat'))
    .option('--no-profile', 'leave out where the time goes, by class of op')
    .option('--json <file>', 'write every figure, with machine, versions and settings')
    .option('--html <file>', 'write a page with charts')
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', '\nThe models for --synthetic are listed in docs/benchmark.md.')
    .action(async (flags: Flags) => await measure(what, flags))
}

function compareCommand(): Command {
  return new Command('compare')
    .description('Print two reports side by side, with ratios')
    .argument('<first>', 'a file that --json wrote, or a script of bench/peers')
    .argument('<second>', 'another one')
    .option('--debug', 'print the stack of errors')
    .addHelpText(
      'after',
      '\nThe exit code is 0 whichever is faster: it is for people to say what a ratio means.',
    )
    .action(compare)
}

async function measure(what: BenchmarkOptions['what'], flags: Flags): Promise<void> {
  const { benchmark } = await import('../api/benchmark.ts')
  const { model, synthetic, folder, size, json, html, tensorrt, ...rest } = flags
  const device = withTensorRt(flags.device, tensorrt)
  if (model !== undefined && synthetic !== undefined) {
    throw new UsageError({ subject: '--synthetic', expected: 'no --model beside it', got: model })
  }
  if (folder !== undefined && synthetic === undefined) {
    throw new UsageError({ subject: '--folder', expected: '--synthetic beside it', got: 'none' })
  }
  const place = synthetic === undefined ? await resolveModel(model) : folder
  const signal = interruptSignal(() =>
    process.stderr.write(
      'stopping: waiting at most 3.5 s for the graph that runs; once more to stop at once\n',
    ),
  )
  const options: BenchmarkOptions = {
    ...rest,
    ...(device !== undefined && { device }),
    what,
    signal,
    ...(place !== undefined && { model: place }),
    ...(synthetic !== undefined && { synthetic }),
    ...(size !== undefined && parseSize(size)),
  }
  for await (const event of await benchmark(options)) {
    if (event.type === 'progress') process.stderr.write(`${event.message}\n`)
    else await write(named(event, model ?? synthetic ?? builtInModel), { json, html })
  }
}

/** The model as it was asked for, which is what says the same thing on another machine. */
function named(report: BenchmarkReport, model: string): BenchmarkReport {
  return { ...report, settings: { ...report.settings, model } }
}

async function write(
  report: BenchmarkReport,
  { json, html }: { readonly json: string | undefined; readonly html: string | undefined },
): Promise<void> {
  const { benchmarkPage } = await import('../api/benchmark.ts')
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, undefined, 1)}\n`)
  if (html !== undefined) await writeFile(html, await benchmarkPage(report))
  process.stdout.write(benchText(report))
}

async function compare(first: string, second: string): Promise<void> {
  const { compareBenchmarks } = await import('../api/benchmark.ts')
  process.stdout.write(
    comparisonText(await compareBenchmarks(await readReport(first), await readReport(second))),
  )
}

async function readReport(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    const got = error instanceof Error ? error.message : String(error)
    throw new UsageError({ subject: file, expected: 'a file of JSON', got })
  }
}
