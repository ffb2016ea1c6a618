/** The thread that memory is planned in: the graphs of a model are built for it, which holds up a server for seconds. */
import { parentPort } from 'node:worker_threads'
import { planModelMemory } from '../../api/models.ts'
import { filesFor } from '../../engine/model-files.ts'
import { resolveModel } from '../../engine/model-name.ts'
import type { MemoryReport, PlanMemoryOptions } from '../../engine/plan-memory.ts'

/** `report` is undefined for what cannot be planned. */
export interface PlanMessage {
  readonly report: MemoryReport | undefined
}

const port = parentPort!

// Plans are asked for one after the other.
port.on('message', async (options: PlanMemoryOptions) => {
  port.postMessage({ report: await reportOf(options).catch(() => undefined) } satisfies PlanMessage)
})

async function reportOf(options: PlanMemoryOptions): Promise<MemoryReport> {
  const model = await resolveModel(options.model)
  return await planModelMemory({ ...options, model, files: filesFor(model, options.files) })
}
