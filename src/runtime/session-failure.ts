import { BackendError, messageOf } from '../errors.ts'
import { type Device, deviceText } from './device.ts'

/** Characters of ONNX Runtime's own words in a message; all of them are in the cause. */
const longestMessage = 500

/** Why a session did not open. On a GPU the provider or the device is what is most likely wrong. */
export function openError(name: string, device: Device, cause: unknown): BackendError {
  const message = messageOf(cause)
  if (isMemoryError(message)) return memoryError(name, cause)
  if (device.type === 'cuda') {
    return new BackendError(
      'runtime/provider',
      {
        subject: `device ${deviceText(device)}`,
        expected: `a session for ${name}`,
        got: firstLine(message),
        advice: 'Run "framewright doctor" to see what is missing, or use --device cpu.',
      },
      { cause },
    )
  }
  return sessionError(name, 'a graph that loads', cause)
}

/** Why a run failed. */
export function runError(name: string, cause: unknown): BackendError {
  return isMemoryError(messageOf(cause))
    ? memoryError(name, cause)
    : sessionError(name, 'a run without error', cause)
}

function sessionError(name: string, expected: string, cause: unknown): BackendError {
  return new BackendError(
    'runtime/session',
    { subject: name, expected, got: firstLine(messageOf(cause)) },
    { cause },
  )
}

function memoryError(name: string, cause: unknown): BackendError {
  const got = memoryReason(messageOf(cause))
  const advice = 'Make fewer frames or a smaller size, or free memory.'
  return new BackendError(
    'runtime/memory',
    { subject: name, expected: 'enough memory', got, advice },
    { cause },
  )
}

/** ONNX Runtime names its own source lines before it comes to the point. */
function memoryReason(message: string): string {
  const [, bytes] = /requested buffer of size (\d+)/.exec(message) ?? []
  return bytes ? `no room for ${Math.ceil(Number(bytes) / 1e6)} MB more` : firstLine(message)
}

/**
 * As the arenas of ONNX Runtime, the C++ library, CUDA, cuBLAS and cuDNN, and Node say it. Only those that ran out of
 * memory: other failures would fail again.
 */
function isMemoryError(message: string): boolean {
  return /bad[_ ]alloc|out of memory|failed to allocate|allocation failed|alloc_failed|is smaller than requested bytes/i.test(
    message,
  )
}

/** Without the graphs that cuDNN prints into its messages. */
function firstLine(message: string): string {
  const line = message.split('\n', 1)[0]!.replace(/\.$/, '')
  return line.length > longestMessage ? `${line.slice(0, longestMessage)}…` : line
}
