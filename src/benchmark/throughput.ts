import { openEngine } from '../engine/open-engine.ts'
import type { Context, Result } from './context.ts'
import { measurement } from './report.ts'

/** Makes videos, so many at a time, as a server under load does. */
export async function measureThroughput(context: Context): Promise<Result> {
  const { options, parts, checkpoint, plan, repeat, signal } = context
  const lanes = options.concurrency ?? 2
  const { device, precision, threads, residency } = options
  await using engine = await openEngine(
    {
      model: checkpoint.folder,
      lanes,
      ...(device !== undefined && { device }),
      ...(precision && { precision }),
      ...(threads !== undefined && { threads }),
      ...(residency && { residency }),
    },
    parts,
  )
  const { prompt, width, height, frames, steps, image, lastImage } = plan
  const request = {
    ...{ prompt, width, height, frames, steps, seed: 1 },
    ...(image !== undefined && { image }),
    ...(lastImage !== undefined && { lastImage }),
  }
  const makeOne = async (): Promise<number> => {
    const started = performance.now()
    for await (const _ of engine.generate(request, { signal }));
    return (performance.now() - started) / 1000
  }
  const round = () => Promise.all(Array.from({ length: lanes }, makeOne))
  await round()
  const latencies: number[] = []
  const perHour: number[] = []
  for (let index = 0; index < repeat; index++) {
    const started = performance.now()
    latencies.push(...(await round()))
    perHour.push((3_600_000 * lanes) / (performance.now() - started))
  }
  return {
    measurements: {
      throughput: measurement(perHour, 'videos/h', 'higher'),
      video: measurement(latencies, 's', 'lower'),
    },
    notes: [`${lanes} videos were made at a time, each round when the last one was done.`],
  }
}
