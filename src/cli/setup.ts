import { Command } from 'commander'
import type { PullEvent } from '../hub/events.ts'
import { interruptSignal } from './interrupt.ts'
import { jsonLine } from './json-reporter.ts'
import { pullReporter } from './pull-reporter.ts'

export function setupCommand(): Command {
  const setup = new Command('setup').description('Install what this machine needs beside the package')
  setup
    .command('cuda')
    .description("Fetch ONNX Runtime's CUDA provider and put it where the runtime looks for it")
    .option('--from <folder>', 'a folder that has its libraries, instead of the npm registry')
    .option('--json', 'print every event as a line of JSON')
    .option('--quiet', 'print the folder and nothing else')
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', afterHelp)
    .action(setupCuda)
  setup
    .command('tensorrt')
    .description("Link TensorRT's libraries to the runtime, with ONNX Runtime's provider for them")
    .requiredOption('--from <folder>', 'the folder of libnvinfer.so.10 and libnvonnxparser.so.10')
    .option('--json', 'print every event as a line of JSON')
    .option('--quiet', 'print the folder and nothing else')
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', tensorRtHelp)
    .action(setupTensorRt)
  return setup
}

const afterHelp = `
It is kept in $FRAMEWRIGHT_HOME/providers, else in the user's cache folder. The driver, CUDA 13 and cuDNN 9 come from
NVIDIA: "framewright doctor" says which of them are missing.`

const tensorRtHelp = `
TensorRT 10 comes from NVIDIA, and the folder stays where it is. "--device tensorrt" then runs decoders and vocoders on it.`

interface SetupFlags {
  readonly from?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

async function setupCuda({ from, ...flags }: SetupFlags): Promise<void> {
  const { installCudaProvider } = await import('../api/installation.ts')
  await install(flags, signal => installCudaProvider({ signal, ...(from !== undefined && { from }) }))
}

async function setupTensorRt({ from, ...flags }: SetupFlags & { readonly from: string }): Promise<void> {
  const { installTensorRtProvider } = await import('../api/installation.ts')
  await install(flags, signal => installTensorRtProvider({ signal, from }))
}

async function install(
  { json, quiet }: SetupFlags,
  run: (signal: AbortSignal) => AsyncIterable<PullEvent>,
): Promise<void> {
  const signal = interruptSignal(() => process.stderr.write('\nstopping\n'), { resumable: true })
  const report = json
    ? { event: (event: PullEvent) => void process.stdout.write(`${jsonLine(event)}\n`), close: () => {} }
    : pullReporter({ out: process.stdout, err: process.stderr }, { quiet: quiet === true })
  try {
    for await (const event of run(signal)) report.event(event)
  } finally {
    report.close()
  }
}
