import { readFileSync } from 'node:fs'
import { BackendError } from '../errors.ts'

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
