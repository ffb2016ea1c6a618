/** The parts that the programs and the public API are made of: the families, and what runs their graphs. */
import { families } from '../../models/index.ts'
import type { EngineParts } from '../engine/engine.ts'
import { chooseBackend } from '../runtime/choose-backend.ts'

export const composition: EngineParts = { families, createBackend: lane => chooseBackend(lane) }
