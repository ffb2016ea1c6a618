/** Where time goes: ONNX Runtime's own record of its nodes, by class of op. */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { type OpClass, opClassOf } from '../graph/op-class.ts'
import type { Backend, GraphModel } from '../runtime/backend.ts'
import type { ClassShare } from './report.ts'

/** A backend whose sessions write profiles into a folder, each named after its graph. */
export function profiled(backend: Backend, folder: string): Backend {
  let count = 0
  return {
    ...backend,
    kernels: backend.kernels,
    open: (model: GraphModel) => {
      const place = String(count++).padStart(4, '0')
      return backend.open(model, { profile: path.join(folder, `${place}-${model.name}~`) })
    },
    drop: residents => backend.drop(residents),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  }
}

const traceEvent = z.object({
  cat: z.string(),
  name: z.string(),
  ts: z.number(),
  dur: z.number().default(0),
  args: z.object({ op_name: z.string().optional() }).default({}),
})

type TraceEvent = z.infer<typeof traceEvent>

/**
 * Adds up the profiles of a folder.
 * @param runs of each graph that count: the last ones
 */
export async function readProfiles(folder: string, runs: ReadonlyMap<string, number>): Promise<ClassShare[]> {
  const names = (await readdir(folder)).sort()
  const nodes: TraceEvent[] = []
  for (const [graph, count] of runs) {
    // Of a graph that was opened several times, the last session has the runs that count.
    const file = names.findLast(name => name.slice(5).startsWith(`${graph}~`))
    if (file === undefined) continue
    const events = z.array(traceEvent).parse(JSON.parse(await readFile(path.join(folder, file), 'utf8')))
    nodes.push(...nodesOfLastRuns(events, count))
  }
  return sharesOf(nodes)
}

function nodesOfLastRuns(events: readonly TraceEvent[], count: number): TraceEvent[] {
  const starts = events.filter(({ name }) => name === 'model_run').map(({ ts }) => ts)
  const from = starts.sort((a, b) => a - b).at(-count) ?? 0
  return events.filter(({ cat, name, ts }) => cat === 'Node' && name.endsWith('_kernel_time') && ts >= from)
}

function sharesOf(nodes: readonly TraceEvent[]): ClassShare[] {
  const totals = new Map<OpClass, { seconds: number; nodes: number }>()
  for (const { dur, args } of nodes) {
    const opClass = opClassOf(args.op_name ?? '')
    const before = totals.get(opClass) ?? { seconds: 0, nodes: 0 }
    totals.set(opClass, { seconds: before.seconds + dur / 1e6, nodes: before.nodes + 1 })
  }
  const all = [...totals.values()].reduce((sum, { seconds }) => sum + seconds, 0)
  return [...totals]
    .map(([opClass, total]) => ({ opClass, ...total, share: all > 0 ? total.seconds / all : 0 }))
    .sort((a, b) => b.seconds - a.seconds)
}
