import { invalidRequest } from '../errors.ts'

/**
 * Options of ONNX Runtime's CUDA provider that the native backend sets. The arena takes what is asked for, where the
 * provider's default takes the next power of two.
 */
export const usualCudaOptions = { arena_extend_strategy: 'kSameAsRequested' } as const

/**
 * Further options of the CUDA provider, from `FRAMEWRIGHT_CUDA_OPTIONS`: `fuse_conv_bias=1,prefer_nhwc=1`. They win over
 * {@link usualCudaOptions}; the provider refuses names that it does not know.
 * @throws RequestError for text of another form
 */
export function cudaOptionsOf(variables: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> {
  return optionsOf('FRAMEWRIGHT_CUDA_OPTIONS', 'prefer_nhwc=1', variables)
}

/**
 * Options of a provider from a variable, as `name=value` with commas between.
 * @throws RequestError for text of another form
 */
export function optionsOf(
  variable: string,
  example: string,
  variables: NodeJS.ProcessEnv,
): Readonly<Record<string, string>> {
  const entries = (variables[variable] ?? '').split(',').filter(entry => entry.trim() !== '')
  return Object.fromEntries(
    entries.map(entry => {
      const [, name, value] = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(entry) ?? []
      if (name !== undefined && value !== undefined) return [name, value]
      throw invalidRequest(variable, `options as name=value with commas between, such as ${example}`, entry)
    }),
  )
}
