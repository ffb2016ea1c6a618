/**
 * `node correct.js DEVICE WHAT`: whether results of the native backend with our kernels are right; JSON with the largest
 * error and, where that is too large, `wrong`. On a GPU in its own types, on a CPU in f32.
 */
import { parseDevice } from '../../src/runtime/device.ts'
import { NativeBackend } from '../../src/runtime/native-backend.ts'
import { builtKernels, withoutKernels } from '../../src/runtime/native-parts.ts'
import { attentionErrors } from './attention-errors.ts'
import { kernelErrors } from './kernel-errors.ts'
import { decoderErrors, transformerErrors } from './reference-errors.ts'

const [name = 'cpu', what = ''] = process.argv.slice(2)
const device = parseDevice(name)
const onGpu = device.type === 'cuda'

/** What is checked: its relative errors by name, and the largest that rounding explains on a GPU. */
const checks: Readonly<
  Record<
    string,
    { readonly limit: number; readonly errors: (backend: NativeBackend) => Promise<Record<string, number>> }
  >
> = {
  kernels: { limit: 1e-2, errors: kernelErrors },
  attention: { limit: 1e-2, errors: attentionErrors },
  transformer: { limit: 2e-2, errors: transformerErrors },
  decoder: { limit: 1e-2, errors: decoderErrors },
}

const check = checks[what]
if (!check) throw new Error(`what: expected one of ${Object.keys(checks).join(', ')}, got ${what}.`)
// Kernels that the environment leaves out of networks are compared with their references all the same.
const kernels = what === 'kernels' ? builtKernels() : withoutKernels(builtKernels())
await using backend = new NativeBackend({ device, threads: 0, kernels })
const errors = await check.errors(backend)
const limit = onGpu ? check.limit : 1e-3
const wrong = Object.entries(errors).flatMap(([each, error]) =>
  error < limit ? [] : [`${each}: expected an error below ${limit}, got ${error}`],
)
const found = {
  backend: backend.name,
  kernels: [...backend.kernels].join(' '),
  ...errors,
  ...(wrong.length > 0 && { wrong: wrong.join('; ') }),
}
process.stdout.write(`${JSON.stringify(found)}\n`)
