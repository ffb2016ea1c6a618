import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { builtInModel, resolveModel } from '../engine/model-name.ts'
import type { EvaluateOptions } from '../eval/evaluate.ts'
import { precisionOption, threadsOption, wholeNumber } from './arguments.ts'
import { evaluationTable } from './eval-table.ts'
import { interruptSignal } from './interrupt.ts'

interface Flags {
  readonly prompts?: number
  readonly seeds?: number
  readonly further?: number
  readonly device?: string
  readonly threads?: number
  readonly precision?: NonNullable<EvaluateOptions['precision']>
  readonly output?: string
  readonly html?: string
  readonly json?: boolean
}

const examples = `
Examples:
  framewright eval doodle --prompts 20 --further 0        a first look
  framewright eval doodle -o eval.json --html eval.html   all 200 prompts, given frames, other settings`

export function evalCommand(): Command {
  return new Command('eval')
    .description('Make videos of held-out prompts and measure what they show')
    .argument('[model]', 'a model folder with an evaluation.json (default: doodle, built in)')
    .option(
      '--prompts <n>',
      'prompts to use, from the first on (default: all)',
      wholeNumber('--prompts', { from: 1, to: 1_000_000 }),
    )
    .option(
      '--seeds <n>',
      'videos of each prompt (default: 1)',
      wholeNumber('--seeds', { from: 1, to: 1_000_000 }),
    )
    .option(
      '--further <n>',
      'prompts for given frames and for each other setting (default: 20)',
      wholeNumber('--further', { from: 0, to: 1_000_000 }),
    )
    .option('--device <name>', 'auto, cpu, cuda:N or tensorrt:N (default: auto)')
    .addOption(threadsOption())
    .addOption(precisionOption())
    .option('-o, --output <file>', 'write every figure as JSON')
    .option('--html <file>', 'write a page with tables, bars and pictures')
    .option('--json', 'print every figure but those of single videos as JSON')
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', examples)
    .action(run)
}

async function run(name: string | undefined, flags: Flags): Promise<void> {
  const { evaluateModel, evaluationPage } = await import('../api/evaluation.ts')
  const model = await resolveModel(name)
  const signal = interruptSignal(() =>
    process.stderr.write(
      'stopping: waiting at most 3.5 s for the graph that runs; once more to stop at once\n',
    ),
  )
  const { output, html, json, ...options } = flags
  for await (const event of await evaluateModel({ ...options, model, signal })) {
    if (event.type === 'judged') {
      const { background, colour, shape, motion } = event.verdict
      const marks = Object.entries({ background, colour, shape, motion }).map(([what, ok]) =>
        ok ? what : `no ${what}`,
      )
      process.stderr.write(
        `${event.index}/${event.of} ${event.setting}: ${event.prompt}: ${marks.join(', ')}\n`,
      )
      continue
    }
    const { sheet, ...figures } = { ...event, model: name ?? builtInModel }
    if (output !== undefined) await writeFile(output, `${JSON.stringify(figures, undefined, 1)}\n`)
    if (html !== undefined) await writeFile(html, await evaluationPage({ ...figures, sheet }))
    process.stdout.write(
      json ? `${JSON.stringify({ ...figures, clips: undefined }, undefined, 1)}\n` : evaluationTable(figures),
    )
  }
}
