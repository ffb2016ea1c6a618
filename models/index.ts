import type { Family } from '../src/pipeline/family.ts'
import { hunyuan15 } from './hunyuan15/family.ts'
import { ltx } from './ltx/family.ts'
import { ltx2 } from './ltx2/family.ts'
import { wan } from './wan/family.ts'

/** Every family that a checkpoint can be of. */
export const families: readonly Family[] = [wan, ltx, ltx2, hunyuan15]
