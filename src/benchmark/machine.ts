import { availableParallelism, cpus, totalmem } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { runtimeVersion } from '../runtime/cuda-provider.ts'

/** What a number has to be read with. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  /** `linux-x64` */
  readonly platform: string
  readonly node: string
  readonly onnxruntime: string
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    node: process.versions.node,
    onnxruntime: runtimeVersion(),
  }
}

/** Whether other work takes so much of the machine that times would say more about it than about what is measured. */
export async function isBusy(): Promise<boolean> {
  const ticks = () =>
    cpus().reduce(
      ({ idle, all }, { times }) => ({
        idle: idle + times.idle,
        all: all + Object.values(times).reduce((a, b) => a + b),
      }),
      { idle: 0, all: 0 },
    )
  const before = ticks()
  await delay(1000)
  const after = ticks()
  return (after.idle - before.idle) / (after.all - before.all) < 0.8
}
