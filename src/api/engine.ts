import { type Engine, type EngineOptions, openEngine } from '../engine/engine.ts'
import { composition } from './composition.ts'

/** Opens a model folder. Its components load when they are first needed. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  return await openEngine(options, composition)
}
