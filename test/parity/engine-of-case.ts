import { afterAll } from 'vitest'
import { openEngine } from '../../src/engine/open-engine.ts'
import type { Engine, EngineOptions } from '../../src/index.ts'
import { keptParts } from '../kept-engine.ts'

/**
 * Opens the engines of a row of cases on one thread of a CPU. A case of the same options goes on with the engine of the case
 * before: opening the sessions of a model takes longer than a case of it.
 */
export function engineOfCase(parts = keptParts): (options: EngineOptions) => Promise<Engine> {
  let last: { readonly key: string; readonly engine: Engine } | undefined
  const close = async () => {
    await last?.engine[Symbol.asyncDispose]()
    last = undefined
  }
  afterAll(close)
  return async options => {
    const key = JSON.stringify(options)
    if (last?.key !== key) {
      await close()
      last = { key, engine: await openEngine({ device: 'cpu', threads: 1, ...options }, parts) }
    }
    return last.engine
  }
}
