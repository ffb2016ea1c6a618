/** A process with the CUDA provider in it: opens a model, runs it if there are feeds, and marks the log between. */
import { appendFileSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const { runtime, addon, model, config, casts, feeds, again, log } = JSON.parse(
  readFileSync(process.argv[2], 'utf8'),
)
const require = createRequire(`${runtime}/`)
const mark = text => appendFileSync(log, `mark ${text}\n`)

const arrays = {
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
}

/** ONNX's numbers of the types. */
const numbers = { float32: 1, int64: 7, int32: 6 }

async function openDefault() {
  const { InferenceSession, Tensor } = require('onnxruntime-node')
  const session = await InferenceSession.create(readFileSync(model), config)
  const tensorOf = ({ type, shape, data }) => new Tensor(type, data, shape)
  return inputs => {
    return session.run(
      Object.fromEntries(Object.entries(inputs).map(([name, each]) => [name, tensorOf(each)])),
    )
  }
}

/** Through the addon of the native backend, on the runtime that has the provider beside it. */
async function openNative() {
  const binding = require(addon)
  const platform = path.join('bin', 'napi-v6', process.platform, process.arch)
  binding.load(
    path.join(path.dirname(require.resolve('onnxruntime-node')), '..', platform, 'libonnxruntime.so.1'),
  )
  const lane = binding.createLane()
  const weights = []
  for (const file of casts) {
    const { handle, outputs } = await binding.open(lane, readFileSync(file), config)
    const fetches = outputs.map(name => ({ name, keep: true }))
    const results = await binding.run(lane, handle, binding.createRun({}), { feeds: {}, fetches })
    await binding.release(lane, handle)
    weights.push(...outputs.map((name, index) => [name, { handle: results[index].handle }]))
  }
  const { handle, outputs } = await binding.open(lane, readFileSync(model), config)
  return async inputs => {
    const own = Object.entries(inputs).map(([name, each]) => [name, { ...each, type: numbers[each.type] }])
    const bound = [...weights, ...own]
    const runOf = (feeds, keep) => {
      const fetches = outputs.map(name => ({ name, keep }))
      return binding.run(lane, handle, binding.createRun({}), { feeds, fetches })
    }
    const results = await runOf(Object.fromEntries(bound), again !== undefined)
    if (again === undefined) return
    mark('again')
    await runOf({ [again]: { handle: results[0].handle } }, false)
  }
}

mark('open')
try {
  const run = await (addon ? openNative() : openDefault())
  if (feeds) {
    const inputs = Object.entries(feeds).map(([name, { type, shape }]) => {
      const count = shape.reduce((product, dim) => product * dim, 1)
      return [name, { type, shape, data: new arrays[type](count) }]
    })
    mark('run')
    await run(Object.fromEntries(inputs))
  }
  mark('end')
} catch (error) {
  process.stdout.write(`failed: ${error.message}\n`)
}
