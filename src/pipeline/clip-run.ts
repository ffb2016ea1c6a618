import { type ChunkResult, type ClipRun, runCausal } from './causal-run.ts'
import type { CausalGraphs } from './family.ts'
import { runStages } from './stage-run.ts'

/**
 * Runs a coder over a clip, part by part. The next part is run while the caller works on the one it was given.
 * @returns the outputs of every part, in the order of the frames
 */
export function runClip(options: ClipRun): AsyncGenerator<ChunkResult, void, undefined> {
  const { graphs } = options
  return oneAhead(
    'stages' in graphs
      ? runStages({ ...options, graphs })
      : runCausal({ ...options, graphs: graphs as CausalGraphs }),
  )
}

async function* oneAhead<T>(source: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  let ahead = source.next()
  try {
    for (;;) {
      const result = await ahead
      if (result.done) return
      ahead = source.next()
      ahead.catch(() => {}) // reported when it is awaited
      yield result.value
    }
  } finally {
    await ahead.catch(() => {})
    await source.return()
  }
}
