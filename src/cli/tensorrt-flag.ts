import { Option } from 'commander'
import { choice } from './arguments.ts'
import { UsageError } from './usage-error.ts'

export type TensorRtFlag = 'decoder' | 'all'

/** What a `--device tensorrt` is used for. */
export function tensorRtOption(): Option {
  return new Option(
    '--tensorrt <what>',
    'with --device tensorrt: decoder, or all, the transformer too (default: decoder)',
  ).argParser(choice('--tensorrt', ['decoder', 'all']))
}

/**
 * A device with what `--tensorrt` says of it, as the library takes it: `tensorrt:0:all`.
 * @throws UsageError for a device that is not TensorRT's
 */
export function withTensorRt(device: string | undefined, what: TensorRtFlag | undefined): string | undefined {
  if (what === undefined) return device
  const devices = (device ?? 'auto').split(',')
  if (!devices.every(each => /^tensorrt(:\d+)?$/.test(each))) {
    throw new UsageError({
      subject: '--tensorrt',
      expected: '--device tensorrt or tensorrt:N beside it',
      got: `--device ${device ?? 'auto'}`,
    })
  }
  if (what === 'decoder') return device
  return devices.map(each => `${each}:all`).join(',')
}
