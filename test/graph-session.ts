import { afterAll } from 'vitest'
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

export type GraphRunner = (
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
) => Promise<Readonly<Record<string, Tensor>>>

/**
 * Runs graphs whose sessions stay open until the tests of a file are over: to open one takes longer than to run it.
 * @param capture intermediates that every graph returns as well
 */
export function graphRunner(capture: readonly string[] = []): GraphRunner {
  const opened = new Map<Graph, Promise<OpenGraph>>()
  afterAll(async () => {
    for (const session of opened.values()) await (await session).release()
  })
  return async (graph, feeds) => {
    const opening = opened.get(graph) ?? openGraph(graph, capture)
    opened.set(graph, opening)
    return await (await opening).run(feeds)
  }
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
