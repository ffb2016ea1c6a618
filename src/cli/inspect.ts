import { Command } from 'commander'
import type { ModelReport, SizeSteps } from '../engine/inspect.ts'
import type { AdapterReport } from '../engine/inspect-adapter.ts'
import type { FileReport } from '../engine/inspect-file.ts'
import { inspectSafetensors, type WeightsReport } from '../engine/inspect-safetensors.ts'
import { resolveModel } from '../engine/model-name.ts'
import type { MemoryReport } from '../engine/plan-memory.ts'
import { type RecognizedPath, recognizePath } from '../engine/recognize-path.ts'
import { modeNames } from '../pipeline/model-facts.ts'
import { decimal, wholeNumber } from './arguments.ts'
import { inFlags } from './flag-names.ts'
import { addFileFlags, type ModelFileFlags, modelFilesOf } from './generate-flags.ts'
import { bytesText, counted, durationText, parametersText } from './quantities.ts'
import { alignColumns } from './table.ts'

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description('Say what a model is: components, sizes, defaults; or what an adapter is')
    .argument(
      '[model]',
      'a model folder or file, owner/name of a pulled one, or an adapter’s .safetensors (default: doodle, built in)',
    )
    .option('--plan', 'say what memory a video needs, and how it would be made')
    .option('--size <WxH>', 'with --plan: width and height in pixels (default: the model’s)')
    .option('--frames <n>', 'with --plan: length in frames (default: the model’s)', wholeNumber('--frames'))
    .option('--device <name>', 'with --plan: auto, cpu, cuda:N or tensorrt:N (default: auto)')
    .option('--memory <GB>', 'with --plan: memory of the device (default: what is free)', decimal('--memory'))
    .option('--json', 'print it as JSON')
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', '\nOnly configs and headers are read, so it is quick for models of any size.')
    .action(inspect)
  addFileFlags(command)
  return command
}

interface InspectFlags extends ModelFileFlags {
  readonly json?: boolean
  readonly plan?: boolean
  readonly size?: string
  readonly frames?: number
  readonly device?: string
  readonly memory?: number
}

async function inspect(name: string | undefined, flags: InspectFlags): Promise<void> {
  const { inspectModel, planModelMemory } = await import('../api/models.ts')
  const recognized = name === undefined ? undefined : await recognizePath(name)
  if (name !== undefined && !flags.plan && (await inspectedAlone(name, recognized?.kind, flags))) return
  const model = await resolveModel(name)
  const { json, plan, memory, size, frames, device } = flags
  if (plan) {
    const report = await planModelMemory({
      model,
      files: modelFilesOf(flags),
      ...(size !== undefined && { size }),
      ...(frames !== undefined && { frames }),
      ...(device !== undefined && { device }),
      ...(memory !== undefined && { memory: memory * 1e9 }),
    })
    process.stdout.write(`${json ? JSON.stringify(report) : memoryText(report)}\n`)
    return
  }
  const report = await inspectModel({ model, files: modelFilesOf(flags) })
  const text = json ? JSON.stringify(report) : reportText(report, mode => inFlags(modeNames[mode]))
  process.stdout.write(`${text}\n`)
}

/** Prints what a file is that is no whole model: an adapter, a part, a transformer without its other parts. */
async function inspectedAlone(
  name: string,
  kind: RecognizedPath['kind'] | undefined,
  flags: InspectFlags,
): Promise<boolean> {
  if (kind !== 'safetensors' && kind !== 'gguf') return false
  const { inspectModelFile } = await import('../api/models.ts')
  const print = (report: object, text: string) =>
    process.stdout.write(`${flags.json ? JSON.stringify(report) : text}\n`)
  const file = await inspectModelFile({ model: name, files: modelFilesOf(flags) })
  if (file?.parts.some(({ component, missing }) => component === 'transformer' && missing.length === 0)) {
    return false
  }
  if (file) print(file, fileText(file))
  else if (kind === 'safetensors') {
    const report = await inspectSafetensors(name)
    print(report, 'tensors' in report ? weightsText(report) : adapterText(report))
  } else return false
  return true
}

/** The report of a file of weights of a known family, for people. */
export function fileText({ file, parts, bytes }: FileReport): string {
  const facts = [
    ['file', file],
    ['size', bytesText(bytes)],
  ]
  const blocks = parts.map(({ family, variant, component, class: kind, parameters, layers, missing }) => {
    const rows = [
      ...(variant === undefined ? [] : [['model', variant]]),
      ['part', `${component.replaceAll('_', ' ')} of ${family} (${kind})`],
      ['holds', parametersText(parameters)],
      ...missing.map(each => ['missing', each]),
    ]
    const classes = layers.map(each => [
      each.name,
      counted(each.tensors, 'tensor'),
      each.formats.join(' '),
      bytesText(each.bytes),
    ])
    return `${alignColumns(rows)}\n\n${alignColumns(classes)}`
  })
  return [alignColumns(facts), ...blocks].join('\n\n')
}

/** The report of an adapter for people. */
export function adapterText(report: AdapterReport): string {
  const { file, kind, ranks, alphas, scales, modules, dtypes, bytes } = report
  const lowRank = [
    ['rank', ranks.join(', ')],
    ['alpha', alphas.join(', ')],
    ['scale', scales.map(scale => Number(scale.toPrecision(4))).join(', ')],
  ]
  return alignColumns([
    ['adapter', file],
    ['kind', kind === 'lora' ? 'LoRA' : 'whole differences'],
    ...(kind === 'lora' ? lowRank : []),
    ['changes', counted(modules, 'module')],
    ['dtype', dtypes.join(' ')],
    ['size', bytesText(bytes)],
  ])
}

/** The report of a file of weights that is no adapter, for people. */
export function weightsText({
  file,
  tensors,
  parameters,
  dtypes,
  bytes,
  quantization,
  obstacle,
}: WeightsReport): string {
  return alignColumns([
    ['weights', file],
    ['holds', `${counted(tensors, 'tensor')}, ${parametersText(parameters)}`],
    ['dtype', dtypes.join(' ')],
    ...(quantization === undefined ? [] : [['quantised', quantization]]),
    ['size', bytesText(bytes)],
    ['can do', `nothing on its own: ${obstacle}`],
  ])
}

/** The report for people. */
export function reportText(
  report: ModelReport,
  nameOf: (mode: ModelReport['modes'][number]) => string,
): string {
  const { width, height, frames, fps, steps, guidance, negativePrompt } = report.defaults
  const length = `${counted(frames, 'frame')} at ${fps} fps (${durationText(frames / fps)})`
  const facts = [
    ['model', report.folder],
    ['family', `${report.family} (${report.pipeline}${report.exported ? ', exported' : ''})`],
    [
      'can do',
      report.obstacle === undefined
        ? [...report.modes.map(nameOf), ...(report.extends ? ['longer clips (--extend)'] : [])].join(', ')
        : `nothing: ${report.obstacle} cannot be run`,
    ],
    ...report.notices.map(notice => ['notice', notice]),
    ['size', sizesText(report.sizes.width, report.sizes.height)],
    ['frames', stepsText(report.sizes.frames)],
    ['defaults', `${width}x${height}, ${length}, ${counted(steps, 'step')}, guidance ${guidance}`],
    ...(negativePrompt ? [['negative', negativePrompt]] : []),
    ['scheduler', report.scheduler],
  ]
  const components = report.components.map(({ name, class: kind, parameters, bytes, files, dtypes }) => [
    name,
    kind,
    parametersText(parameters),
    dtypes.map(({ dtype }) => dtype).join(' '),
    bytesText(bytes),
    counted(files, 'file'),
  ])
  const total = ['all', '', parametersText(report.parameters), '', bytesText(report.bytes), '']
  return [alignColumns(facts), '', alignColumns([...components, total])].join('\n')
}

/** A row for each plan, the chosen one marked. */
export function memoryText({ device, width, height, frames, free, plans, chosen }: MemoryReport): string {
  const about = `${width}x${height}, ${counted(frames, 'frame')}, on ${device}`
  const there = free === undefined ? 'what is free is not known' : `${bytesText(free)} free`
  const rows = plans.map(({ text, conditioning, denoising, decoding }, index) => [
    index === chosen ? '>' : '',
    bytesText(conditioning),
    bytesText(denoising),
    bytesText(decoding),
    text,
  ])
  const head = ['', 'prompt', 'steps', 'decoding', '']
  const end = chosen === undefined ? ['', 'None of them fits.'] : []
  return [`${about}: ${there}`, '', alignColumns([head, ...rows]), ...end].join('\n')
}

function sizesText(width: SizeSteps, height: SizeSteps): string {
  const same = width.first === height.first && width.step === height.step && width.last === height.last
  return same
    ? `width and height ${stepsText(width)}`
    : `width ${stepsText(width)}, height ${stepsText(height)}`
}

function stepsText({ first, step, last }: SizeSteps): string {
  const rule = first === step ? `multiples of ${step}` : `${step}k + ${first}`
  return last === undefined ? rule : `${rule}, up to ${last}`
}
