import { families } from '../models/index.ts'
import type { Engine, EngineOptions, EngineParts } from '../src/engine/engine.ts'
import { openEngine } from '../src/engine/open-engine.ts'
import { KeptBackend } from './kept-backend.ts'

/** What tests open engines with, whose sessions of reference models later tests take over. */
export const keptParts: EngineParts = { families, createBackend: lane => new KeptBackend(lane) }

/** An engine on one thread of a CPU, as `createEngine` opens it. */
export async function openKeptEngine(options: EngineOptions): Promise<Engine> {
  return await openEngine({ device: 'cpu', threads: 1, ...options }, keptParts)
}
