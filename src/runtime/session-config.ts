/** How a session is opened, and what is checked before it is opened and run. */
import { readFileSync } from 'node:fs'
import { BackendError } from '../errors.ts'
import type { Feed } from '../tensor/resident.ts'
import type { GraphModel, OpenOptions } from './backend.ts'
import type { Device } from './device.ts'

/**
 * Above this many bytes weights stay in their files, mapped, instead of being copied into a faster layout. A pass of 0.8 GB
 * in bf16 at 1,792 tokens takes 7 % less time from the copy, which takes 2.1 GB instead of 1.1 and ten times as long to open.
 */
const prepackLimitBytes = 1 << 28

/** Constants larger than this are not folded when the weights stay in their files: a fold copies them. */
export const foldLimitBytes = 1 << 20

/** Not on a GPU: where it moves a transposition past the reading of a shape, the shape is then permuted on the CPU. */
const optimizersOffGpu = 'TransposeOptimizer'

/** Whether a CPU copies the weights of a graph when it loads them. */
export function needsPrivateCopy({ weightBytes }: Pick<GraphModel, 'weightBytes'>): boolean {
  return weightBytes <= prepackLimitBytes
}

/** Options of a session of onnxruntime-node. */
export type SessionConfig = ReturnType<typeof sessionConfig>

/**
 * How a session is opened. Small models on a CPU are prepacked, which is faster and copies their weights; large
 * ones, and all on a GPU, are read from the mapped files.
 * @param threads threads of a run on a CPU; 0 for one per core
 */
export function sessionConfig(
  model: GraphModel,
  device: Device,
  threads: number,
  { profile }: OpenOptions = {},
) {
  const mapped = device.type === 'cuda' || !needsPrivateCopy(model)
  return {
    executionProviders: [device.type === 'cpu' ? 'cpu' : { name: 'cuda', deviceId: device.index }],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    // A second run would put all of its results into one new block, beside the memory of the first run, which stays: that
    // doubles what a session holds, and saves no time.
    enableMemPattern: false,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Fatal ones only: what fails is thrown, and the console is the program's.
    logSeverityLevel: 4,
    ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
    extra: {
      session: {
        model_external_initializers_file_folder_path: model.weightsFolder,
        use_device_allocator_for_initializers: '1',
        disable_prepacking: mapped ? '1' : '0',
      },
      optimization: {
        ...(mapped && { constant_folding_max_output_size_in_bytes: String(foldLimitBytes) }),
        ...(device.type === 'cuda' && { disable_specified_optimizers: optimizersOffGpu }),
      },
    },
  } as const
}

/**
 * Holds the feeds of a run to the graph's inputs.
 * @throws BackendError that names the inputs that are missing and those the graph does not have
 */
export function checkInputs(
  name: string,
  inputs: readonly string[],
  feeds: Readonly<Record<string, Feed>>,
): void {
  const missing = inputs.filter(input => !(input in feeds))
  const given = Object.keys(feeds)
  if (missing.length === 0 && given.length === inputs.length) return
  const unknown = given.filter(feed => !inputs.includes(feed))
  throw new BackendError('runtime/session', {
    subject: name,
    expected: `inputs ${inputs.join(', ')}`,
    got: [
      missing.length ? `no ${missing.join(', ')}` : '',
      unknown.length ? `unknown ${unknown.join(', ')}` : '',
    ]
      .filter(Boolean)
      .join(' and '),
  })
}

/** A worker thread of Node.js was seen to overflow at 16,000 bytes, and not at 14,000. */
const mostBytes = 8192

/**
 * Refuses a process with a very long command line. On Linux ONNX Runtime 1.29 searches the text of it with a recursive
 * regular expression when its first session opens; a long one overflows the stack, which ends the process.
 * @throws BackendError
 */
export function checkCommandLine(): void {
  if (process.platform !== 'linux') return
  const bytes = readFileSync('/proc/self/cmdline').length
  if (bytes <= mostBytes) return
  throw new BackendError('runtime/session', {
    subject: 'command line of this process',
    expected: `at most ${mostBytes} bytes, which is what ONNX Runtime bears`,
    got: String(bytes),
    advice: 'Give long prompts in a file, with --prompts.',
  })
}
