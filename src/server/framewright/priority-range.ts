import { localOwner, type Owner } from '../http/owner.ts'
import type { Capabilities } from './contract.ts'

/** Priorities of tasks, -10 to 10. Who has a key shares the queue with others: their tasks give way, and none goes before. */
export function priorityRange(owner: Owner): Capabilities['priority'] {
  return { min: -10, max: owner.id === localOwner.id ? 10 : 0 }
}
