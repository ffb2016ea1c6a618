import { Command } from 'commander'
import { type ExportDialect, type ExportReport, exportDialects } from '../engine/export.ts'
import { resolveModel } from '../engine/model-name.ts'
import { choice, wholeNumber } from './arguments.ts'
import { addFileFlags, type ModelFileFlags, modelFilesOf } from './generate-flags.ts'
import { interruptSignal } from './interrupt.ts'
import { bytesText, counted } from './quantities.ts'

const examples = `
The folder holds ordinary .onnx files with the weights beside them, in f32 arithmetic, and can be run in the
model's place: framewright generate "…" --model DIR
Weights take no space of their own: they are clones, or hard links where the file system has no clones. Tools that
refuse hard links, such as recent versions of onnx.checker, need --copy. Runtimes that know the operators of ONNX
alone (opset 23), such as TensorRT, need --dialect standard.

Example:
  framewright export doodle -o doodle-onnx --copy --dialect standard`

export function exportCommand(): Command {
  const command = new Command('export')
    .description('Write a model as .onnx files')
    .argument(
      '<model>',
      'a model folder, a transformer’s .safetensors or .gguf, doodle, or owner/name of a pulled one',
    )
    .requiredOption('-o, --output <folder>', 'the folder to make: new, or empty')
    .option('--copy', 'copy the weights')
    .option(
      '--dialect <name>',
      'onnxruntime: with operators of its own; standard: those of the ONNX standard alone',
      choice('--dialect', exportDialects),
      'onnxruntime',
    )
    .option('--size <size>', 'fix the shapes to those of a clip of this size, such as 832x480')
    .option('--frames <n>', 'fix the shapes to those of a clip of so many frames', wholeNumber('--frames'))
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
  readonly dialect: ExportDialect
  readonly size?: string
  readonly frames?: number
  readonly json?: boolean
}

async function exportFolder(name: string, flags: ExportFlags): Promise<void> {
  const { output, copy, dialect, size, frames, json } = flags
  const { exportModel } = await import('../api/models.ts')
  const signal = interruptSignal(() =>
    process.stderr.write('stopping: unfinished files are removed; once more to stop at once\n'),
  )
  const model = await resolveModel(name)
  const report = await exportModel({
    model,
    files: modelFilesOf(flags),
    output,
    dialect,
    signal,
    ...((size !== undefined || frames !== undefined) && { clip: { size, frames } }),
    ...(copy && { copy }),
  })
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : reportText(report))
}

function reportText({ path, graphs, weightFiles, weightBytes, linked }: ExportReport): string {
  const weights = `${counted(weightFiles, 'weights file')} (${bytesText(weightBytes)}${linked ? ', hard links' : ''})`
  return `${path}: ${counted(graphs.length, 'graph')}, ${weights}\n`
}
