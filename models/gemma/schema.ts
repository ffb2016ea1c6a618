import type { z } from 'zod'
import type { GemmaConfig } from './config.ts'
import { gemma3Config } from './gemma3.ts'
import { gemma4Config, gemma4Types } from './gemma4.ts'

/** How the config of a Gemma 3 or Gemma 4 checkpoint is read: its `model_type` tells them apart; without one it is of Gemma 3. */
export function gemmaSchema(config: unknown): z.ZodType<GemmaConfig> {
  const { model_type: type } = (config ?? {}) as { model_type?: unknown }
  return gemma4Types.includes(type) ? gemma4Config : gemma3Config
}
