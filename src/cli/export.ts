import { Command } from 'commander'
import type { ExportReport } from '../engine/export.ts'
import { resolveModel } from '../engine/model-name.ts'
import { addFileFlags, type ModelFileFlags, modelFilesOf } from './generate-flags.ts'
import { interruptSignal } from './interrupt.ts'
import { bytesText, counted } from './quantities.ts'

const examples = `
The folder holds ordinary .onnx files with the weights beside them, in f32 arithmetic, and can be run in the
model's place: framewright generate "…" --model DIR
Weights take no space of their own: they are clones, or hard links where the file system has no clones. Tools that
refuse hard links, such as recent versions of onnx.checker, need --copy.

Example:
  framewright export doodle -o doodle-onnx --copy`

export function exportCommand(): Command {
  const command = new Command('export')
    .description('Write a model as .onnx files')
    .argument(
      '<model>',
      'a model folder, a transformer’s .safetensors or .gguf, doodle, or owner/name of a pulled one',
    )
    .requiredOption('-o, --output <folder>', 'the folder to make: new, or empty')
    .option('--copy', 'copy the weights')
    .option('--json', 'print what was written as JSON')
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', examples)
    .action(exportFolder)
  addFileFlags(command)
  return command
}

interface ExportFlags extends ModelFileFlags {
  readonly output: string
  readonly copy?: boolean
  readonly json?: boolean
}

async function exportFolder(name: string, flags: ExportFlags): Promise<void> {
  const { output, copy, json } = flags
  const { exportModel } = await import('../api/models.ts')
  const signal = interruptSignal(() =>
    process.stderr.write('stopping: unfinished files are removed; once more to stop at once\n'),
  )
  const model = await resolveModel(name)
  const report = await exportModel({
    model,
    files: modelFilesOf(flags),
    output,
    signal,
    ...(copy && { copy }),
  })
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : reportText(report))
}

function reportText({ path, graphs, weightFiles, weightBytes, linked }: ExportReport): string {
  const weights = `${counted(weightFiles, 'weights file')} (${bytesText(weightBytes)}${linked ? ', hard links' : ''})`
  return `${path}: ${counted(graphs.length, 'graph')}, ${weights}\n`
}
