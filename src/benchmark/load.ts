import { graphSource } from '../engine/graph-source.ts'
import { CancelledError } from '../errors.ts'
import { Graph } from '../graph/graph.ts'
import { add } from '../graph/ops/elementwise.ts'
import { serialize } from '../graph/serialize.ts'
import type { Backend } from '../runtime/backend.ts'
import { needsPrivateCopy } from '../runtime/session-config.ts'
import type { Context, Result } from './context.ts'
import { measurement } from './report.ts'

/** Opens the transformer again and again, each time in a runtime that has nothing loaded. */
export async function measureLoad(context: Context): Promise<Result> {
  const { checkpoint, precision, parts, device, threads, repeat, signal } = context
  const graph = checkpoint.model.facts.experts[0].graph
  const source = graphSource(checkpoint, precision)
  const { weightBytes } = await source.load(graph)
  const seconds: number[] = []
  for (let round = 0; round <= repeat; round++) {
    if (signal.aborted) throw new CancelledError({ cause: signal.reason })
    await using backend = parts.createBackend({ device, threads })
    await startRuntime(backend)
    const model = await source.load(graph, backend)
    const started = performance.now()
    const session = await backend.open(model)
    seconds.push((performance.now() - started) / 1000)
    await session.release()
  }
  const [first, ...rest] = seconds
  // Nothing is read of weights that stay in their files.
  const copied = device.type === 'cuda' || needsPrivateCopy(await source.load(graph))
  return {
    measurements: {
      load: measurement(rest, 's', 'lower'),
      'first load': measurement([first!], 's', 'lower'),
      'weight bytes': measurement([weightBytes], 'bytes', 'lower'),
      ...(copied && {
        'load rate': measurement(
          rest.map(each => weightBytes / each / 1e9),
          'GB/s',
          'higher',
        ),
      }),
    },
    notes: copied
      ? ['After the first load the files are in memory, where the system keeps what it has read.']
      : ['The weights stay in their files and are read by the runs that use them: there is no rate.'],
  }
}

/** Threads, libraries and the device's context are there before the clock is started: a tiny graph brings them. */
async function startRuntime(backend: Backend): Promise<void> {
  const graph = new Graph('start', { precision: 'f32' })
  graph.output('y', add(graph.input('x', 'f32', [1]), 1))
  const bytes = serialize(graph, { locate: file => file })
  const session = await backend.open({ name: graph.name, bytes, weightsFolder: '/', weightBytes: 0 })
  await session.release()
}
