import { BackendError, FramewrightError, messageOf } from '../errors.ts'
import { Graph } from '../graph/graph.ts'
import { add } from '../graph/ops/elementwise.ts'
import { serialize } from '../graph/serialize.ts'
import { type Device, deviceText, parseDevices } from '../runtime/device.ts'
import { tensor } from '../tensor/tensor.ts'
import type { EngineParts } from './engine.ts'

/**
 * Uses every device that a text names, as `createEngine` takes it, so that one that does not work is known before there is
 * something to do.
 * @throws BackendError `runtime/provider` with the device and what is wrong with it; RequestError for a text that is none
 */
export async function tryDevices(createBackend: EngineParts['createBackend'], text: string): Promise<void> {
  for (const device of parseDevices(text)) {
    if (!device) continue
    try {
      await tryDevice(createBackend, device)
    } catch (error) {
      if (FramewrightError.is(error) && error.code === 'runtime/provider') throw error
      throw new BackendError(
        'runtime/provider',
        {
          subject: `device ${deviceText(device)}`,
          expected: 'one that computes',
          got: messageOf(error),
          advice: 'Run "framewright doctor" to see what is missing, or use --device cpu.',
        },
        { cause: error },
      )
    }
  }
}

/** Adds two numbers on a device. @throws what keeps it from that */
export async function tryDevice(createBackend: EngineParts['createBackend'], device: Device): Promise<void> {
  const graph = new Graph('doctor', { precision: 'f32' })
  const x = graph.input('x', 'f32', [1])
  graph.output('sum', add(x, x))
  const backend = createBackend({ device, threads: 1 })
  try {
    const bytes = serialize(graph, { locate: file => file })
    const model = { name: `a test on ${deviceText(device)}`, bytes, weightsFolder: '/', weightBytes: 0 }
    const session = await backend.open(model)
    const { tensors } = await session.run({ x: tensor('f32', [1], Float32Array.of(2)) })
    await session.release()
    const sum = tensors.sum?.data[0]
    if (sum !== 4) throw new Error(`2 + 2 gave ${sum}`)
  } finally {
    await backend[Symbol.asyncDispose]()
  }
}
