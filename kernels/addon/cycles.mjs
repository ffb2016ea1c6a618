/**
 * Opens, runs and releases a session again and again through the compiled package, on the paths that succeed and on
 * those that fail, and prints as JSON what the process still holds: `node cycles.mjs [cycles]`.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Graph } from '../../dist/src/graph/graph.js'
import { multiply } from '../../dist/src/graph/ops/elementwise.js'
import { serialize } from '../../dist/src/graph/serialize.js'
import { NativeBackend } from '../../dist/src/runtime/native-backend.js'
import { loadNativeBinding } from '../../dist/src/runtime/native-binding.js'

const cycles = Number(process.argv[2] ?? 1000)
const warmUp = Math.floor(cycles / 5)

const graph = new Graph('cycles', { precision: 'f32' })
const weight = graph.constant({ dtype: 'f32', shape: [65536], data: new Float32Array(65536).fill(2) })
graph.output('y', multiply(graph.input('x', 'f32', [65536]), weight))
const model = { name: 'cycles', bytes: serialize(graph, {}), weightsFolder: '/', weightBytes: 0 }
const x = { dtype: 'f32', shape: [65536], data: new Float32Array(65536).fill(3) }
const wrong = { ...x, shape: [256, 256] }
const broken = { ...model, bytes: new Uint8Array(16) }

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

async function cycle(backend) {
  const session = await backend.open(model)
  const { tensors } = await session.run({ x })
  if (tensors.y.data[0] !== 6) throw new Error(`expected 6, got ${tensors.y.data[0]}`)
  const { residents } = await session.run({ x }, { keep: () => true })
  const sharing = await backend.open(model, { initializers: { constant: residents.y } })
  await Promise.all([sharing.run({ x: residents.y }), sharing.run({ x: wrong }).catch(() => undefined)])
  await Promise.all([sharing.release(), session.release(), backend.drop([residents.y])])
  await backend.open(broken).catch(() => undefined)
}

async function residentKb() {
  collect()
  // The memory of buffers is given back on another thread.
  await delay(50)
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
}

const backend = new NativeBackend({ device: { type: 'cpu' }, threads: 1 })
for (let done = 0; done < warmUp; done++) await cycle(backend)
const before = await residentKb()
for (let done = warmUp; done < cycles; done++) await cycle(backend)
const grownKb = (await residentKb()) - before
const alive = loadNativeBinding().alive()
await backend[Symbol.asyncDispose]()
console.log(JSON.stringify({ cycles, grownKb, alive }))
