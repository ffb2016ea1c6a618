import { Command } from 'commander'
import type { ModelReport, SizeSteps } from '../index.ts'
import { bytesText, counted, durationText, parametersText } from './quantities.ts'
import { alignColumns } from './table.ts'

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Say what a model is: components, sizes, defaults')
    .argument('[model]', 'a model folder, or owner/name of a pulled one (default: doodle, built in)')
    .option('--json', 'print it as JSON')
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', '\nOnly configs and headers are read, so it is quick for models of any size.')
    .action(inspect)
}

async function inspect(name: string | undefined, { json }: { json?: boolean }): Promise<void> {
  const { inspectModel, modeNames, resolveModel } = await import('../index.ts')
  const report = await inspectModel({ model: await resolveModel(name) })
  const text = json ? JSON.stringify(report) : reportText(report, mode => modeNames[mode])
  process.stdout.write(`${text}\n`)
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
      [...report.modes.map(nameOf), ...(report.extends ? ['longer clips (--extend)'] : [])].join(', '),
    ],
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
