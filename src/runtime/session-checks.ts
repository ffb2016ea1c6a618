/** What is checked before a session is opened, and before it is run. */
import { readFileSync } from 'node:fs'
import { BackendError } from '../errors.ts'
import type { Feed } from '../tensor/resident.ts'

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
  const unknown = Object.keys(feeds).filter(feed => !inputs.includes(feed))
  if (missing.length === 0 && unknown.length === 0) return
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
