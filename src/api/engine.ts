import { families } from '../../models/index.ts'
import type { Engine, EngineOptions, EngineParts } from '../engine/engine.ts'
import { openEngine } from '../engine/open-engine.ts'
import { chooseBackend } from '../runtime/choose-backend.ts'

/** The parts that the programs and the public API are made of: the families, and what runs their graphs. */
export const composition: EngineParts = { families, createBackend: lane => chooseBackend(lane) }

/** Opens a model folder. Its components load when they are first needed. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  return await openEngine(options, composition)
}
