import { describe, expect, test } from 'vitest'
import { createMetrics, type HostFigures } from '../../../src/server/metrics.ts'

const stats = async () => ({ queued: 0, running: 0, oldestSeconds: 0 })

function host(fields: Partial<HostFigures>): HostFigures {
  const idle = { busy: false, residentBytes: 0, restarts: 0, modelHits: 0, modelMisses: 0 }
  return { device: 'auto', engineDevice: undefined, ...idle, ...fields }
}

async function linesOf(metrics: ReturnType<typeof createMetrics>, name: string): Promise<string[]> {
  const { text } = await metrics.render()
  return text.split('\n').filter(line => line.startsWith(`${name}{`))
}

describe('metrics of devices', () => {
  const used = 'framewright_device_memory_used_bytes'
  const total = 'framewright_device_memory_total_bytes'

  test('have the memory of an engine host on the CPU, without a look at GPUs', async () => {
    let hosts = [host({ engineDevice: 'cpu', residentBytes: 1234 })]
    const gpus = () => Promise.reject(new Error('looked'))
    const metrics = createMetrics({ stats, hosts: () => hosts, gpus })
    expect(await linesOf(metrics, used)).toEqual([`${used}{device="cpu"} 1234`])
    expect((await linesOf(metrics, total))[0]).toMatch(/ [1-9]\d+$/)
    hosts = [host({})]
    expect(await linesOf(metrics, used)).toEqual([])
    expect(await linesOf(metrics, total)).toEqual([])
  })

  test('have the memory of GPUs that hold a model, looked at once by those who ask at the same time', async () => {
    let looks = 0
    const gpus = async () => {
      looks++
      return [0, 1, 2].map(index => ({ device: `cuda:${index}`, usedBytes: 10 + index, totalBytes: 100 }))
    }
    const metrics = createMetrics({ stats, hosts: () => [host({ engineDevice: 'cuda:0,cuda:2' })], gpus })
    const both = await Promise.all([linesOf(metrics, used), linesOf(metrics, total)])
    expect(both).toEqual([
      [`${used}{device="cuda:0"} 10`, `${used}{device="cuda:2"} 12`],
      [`${total}{device="cuda:0"} 100`, `${total}{device="cuda:2"} 100`],
    ])
    expect(looks).toBe(1)
  })

  test('count runs that found their model loaded, and go on from what the host says', async () => {
    const name = 'framewright_cache_requests_total'
    const line = (result: string, count: number) =>
      `${name}{cache="model",device="auto",result="${result}"} ${count}`
    let figures = host({ modelHits: 2, modelMisses: 1 })
    const metrics = createMetrics({ stats, hosts: () => [figures] })
    expect(await linesOf(metrics, name)).toEqual([line('hit', 2), line('miss', 1)])
    figures = host({ modelHits: 3, modelMisses: 1 })
    expect(await linesOf(metrics, name)).toEqual([line('hit', 3), line('miss', 1)])
  })
})
