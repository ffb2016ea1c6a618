import { FramewrightError } from '../errors.ts'
import type { GraphRunner } from './graph-runner.ts'
import type { MemoryPlan } from './memory-plan.ts'

/**
 * Does a piece of work that can be cut in other ways, and does it again in smaller parts as long as it does not fit.
 * @throws the error of the last try when there is no smaller plan
 */
export async function withinMemory<T>(
  runner: Pick<GraphRunner, 'memory' | 'shrink'>,
  work: (memory: MemoryPlan) => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await work(runner.memory)
    } catch (error) {
      if (!isOutOfMemory(error) || !(await runner.shrink())) throw error
    }
  }
}

export function isOutOfMemory(error: unknown): boolean {
  return FramewrightError.is(error) && error.code === 'runtime/memory'
}
