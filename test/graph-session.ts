import { onTestFinished } from 'vitest'
import { InferenceSession, Tensor as OrtTensor } from '#onnxruntime'
import type { Graph } from '../src/graph/graph.ts'
import { serialize } from '../src/graph/serialize.ts'
import type { Tensor } from '../src/tensor/tensor.ts'

const names = { f32: 'float32', i64: 'int64', u8: 'uint8', f16: 'float16', i32: 'int32' } as const

export interface OpenGraph {
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>
  release(): Promise<void>
}

/** A graph in this process: what it computes, without the runtime around it. */
export async function openGraph(graph: Graph, capture: readonly string[] = []): Promise<OpenGraph> {
  const bytes = serialize(graph, { locate: file => file.slice(1), capture })
  const session = await InferenceSession.create(bytes, {
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
    extra: { session: { model_external_initializers_file_folder_path: '/' } },
  })
  const kinds = Object.fromEntries(Object.entries(names).map(([dtype, name]) => [name, dtype]))
  return {
    async run(feeds) {
      const inputs = Object.entries(feeds).map(([name, { dtype, shape, data }]) => {
        return [name, new OrtTensor(names[dtype as keyof typeof names], data as Float32Array, shape)]
      })
      const results = await session.run(Object.fromEntries(inputs))
      return Object.fromEntries(
        Object.entries(results).map(([name, result]) => {
          return [name, { dtype: kinds[result.type], shape: [...result.dims], data: result.data } as Tensor]
        }),
      )
    },
    release: async () => await session.release(),
  }
}

const opened = new WeakMap<Graph, Promise<OpenGraph>>()

/** A graph that stays open until the end of the test, however often it is asked for. */
export function sessionOfTest(graph: Graph): Promise<OpenGraph> {
  const known = opened.get(graph)
  if (known) return known
  const opening = openGraph(graph)
  opened.set(graph, opening)
  onTestFinished(async () => {
    opened.delete(graph)
    await (await opening).release()
  })
  return opening
}

/** Runs a graph once. */
export async function runGraph(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
  capture: readonly string[] = [],
): Promise<Record<string, Tensor>> {
  const open = await openGraph(graph, capture)
  const results = await open.run(feeds)
  await open.release()
  return results
}
