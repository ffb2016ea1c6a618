import { z } from 'zod'
import { CheckpointError, invalidRequest, messageOf } from '../errors.ts'
import type { DenoiseState } from '../pipeline/denoise-state.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { readSafetensorsHeader } from '../weights/read-header.ts'
import { readTensor } from '../weights/read-tensor.ts'
import { writeSafetensors } from '../weights/write-safetensors.ts'

const format = '2'

/**
 * Saves the state of a run as a .safetensors file: its arrays as tensors, the rest as JSON in the metadata. The file
 * appears under its name when it is whole.
 * @param request a text that tells the request from others: `loadDenoiseState` has to be given the same
 * @throws MediaError `media/output` when the file cannot be written
 */
export async function saveDenoiseState(path: string, state: DenoiseState, request: string): Promise<void> {
  const tensors = new Map<string, Tensor>()
  const names = new Map<Float32Array, string>()
  const json = JSON.stringify(state, (_, value: unknown) => {
    if (value instanceof Float32Array) {
      const name = names.get(value) ?? String(names.size)
      names.set(value, name)
      tensors.set(name, tensor('f32', [value.length], value))
      return { array: name }
    }
    return typeof value === 'number' && !Number.isFinite(value) ? { number: String(value) } : value
  })
  await writeSafetensors(
    path,
    tensors,
    new Map([
      ['format', format],
      ['request', request],
      ['state', json],
    ]),
  )
}

/**
 * Reads what `saveDenoiseState` wrote, to the bit.
 * @throws CheckpointError `checkpoint/not-found` or `checkpoint/corrupt`; RequestError for the state of another request
 */
export async function loadDenoiseState(path: string, request: string): Promise<DenoiseState> {
  const { tensors, metadata } = await readSafetensorsHeader(path)
  if (metadata.get('format') !== format) {
    const got = metadata.get('format') ?? 'another file'
    throw corrupt(path, `the state of a run in format ${format}`, got)
  }
  if (metadata.get('request') !== request) {
    throw invalidRequest(
      path,
      'the state of this request',
      'that of another',
      'Remove the file to start anew.',
    )
  }
  const arrays = new Map<string, Float32Array>()
  for (const [name, location] of tensors) {
    const { dtype, data } = await readTensor(location)
    if (dtype !== 'f32') throw corrupt(path, 'f32 arrays', dtype)
    arrays.set(name, data as Float32Array)
  }
  return parseState(path, metadata.get('state') ?? '', arrays)
}

const array = z.instanceof(Float32Array)

const byStream = z.array(array)

const denoiseState = z.strictObject({
  step: z.int().nonnegative(),
  streams: z.array(
    z.strictObject({
      latents: array,
      history: z.strictObject({
        denoised: z.array(array),
        origin: array.optional(),
        order: z.number().optional(),
      }),
    }),
  ),
  velocity: z.strictObject({
    guidance: z.array(z.strictObject({ average: array.optional() })),
    cache: z.strictObject({
      change: z.union([z.number(), z.nan()]),
      rate: z.union([z.number(), z.nan(), z.literal([Infinity, -Infinity])]).optional(),
      before: byStream.optional(),
      computed: z
        .strictObject({
          latents: byStream,
          velocities: z.looseObject({ conditional: byStream }).catchall(byStream),
        })
        .optional(),
    }),
    expert: z.int().nonnegative(),
  }),
  noise: z.strictObject({ words: z.int().nonnegative(), waiting: z.number().optional() }),
  skippedSteps: z.int().nonnegative(),
})

function parseState(path: string, text: string, arrays: ReadonlyMap<string, Float32Array>): DenoiseState {
  const revive = (_: string, value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value
    if ('number' in value) return Number(value.number)
    return 'array' in value ? arrays.get(String(value.array)) : value
  }
  try {
    return denoiseState.parse(JSON.parse(text, revive)) as DenoiseState
  } catch (cause) {
    throw corrupt(path, 'the state of a run', messageOf(cause), cause)
  }
}

function corrupt(subject: string, expected: string, got: string, cause?: unknown): CheckpointError {
  const advice = 'Remove the file to start anew.'
  return new CheckpointError('checkpoint/corrupt', { subject, expected, got, advice }, { cause })
}
