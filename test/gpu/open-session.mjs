/** A process with the CUDA provider in it: opens models in turn, runs those that have feeds, and marks the log between. */
import { appendFileSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const arrays = {
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
}

/** ONNX's numbers of the types. */
const numbers = { float32: 1, int64: 7, int32: 6 }

/** @returns what runs the session, and what frees it */
async function openDefault({ runtime, model, config }) {
  const { InferenceSession, Tensor } = createRequire(`${runtime}/`)('onnxruntime-node')
  const session = await InferenceSession.create(readFileSync(model), config)
  const tensorOf = ({ type, shape, data }) => new Tensor(type, data, shape)
  return {
    run: inputs => {
      return session.run(
        Object.fromEntries(Object.entries(inputs).map(([name, each]) => [name, tensorOf(each)])),
      )
    },
    release: () => session.release(),
  }
}

let lane

/** Through the addon of the native backend, on the runtime that has the provider beside it. */
async function openNative({ runtime, addon, model, config, casts, again, log }) {
  const require = createRequire(`${runtime}/`)
  const binding = require(addon)
  if (lane === undefined) {
    const platform = path.join('bin', 'napi-v6', process.platform, process.arch)
    const bindings = path.dirname(require.resolve('onnxruntime-node'))
    binding.load(path.join(bindings, '..', platform, 'libonnxruntime.so.1'))
    lane = binding.createLane()
  }
  const weights = []
  for (const file of casts) {
    const { handle, outputs } = await binding.open(lane, readFileSync(file), config)
    const fetches = outputs.map(name => ({ name, keep: true }))
    const results = await binding.run(lane, handle, binding.createRun({}), { feeds: {}, fetches })
    await binding.release(lane, handle)
    weights.push(...outputs.map((name, index) => [name, { handle: results[index].handle }]))
  }
  const { handle, outputs } = await binding.open(lane, readFileSync(model), config)
  const run = async inputs => {
    const own = Object.entries(inputs).map(([name, each]) => [name, { ...each, type: numbers[each.type] }])
    const bound = [...weights, ...own]
    const runOf = (feeds, keep) => {
      const fetches = outputs.map(name => ({ name, keep }))
      return binding.run(lane, handle, binding.createRun({}), { feeds, fetches })
    }
    const results = await runOf(Object.fromEntries(bound), again !== undefined)
    if (again === undefined) return
    appendFileSync(log, 'mark again\n')
    await runOf({ [again]: { handle: results[0].handle } }, false)
  }
  return { run, release: () => binding.release(lane, handle) }
}

async function take(job) {
  const mark = text => appendFileSync(job.log, `mark ${text}\n`)
  mark('open')
  const { run, release } = await (job.addon ? openNative(job) : openDefault(job))
  if (job.feeds) {
    const inputs = Object.entries(job.feeds).map(([name, { type, shape }]) => {
      const count = shape.reduce((product, dim) => product * dim, 1)
      return [name, { type, shape, data: new arrays[type](count) }]
    })
    mark('run')
    await run(Object.fromEntries(inputs))
  }
  mark('end')
  await release()
}

process.on('message', async job => {
  let failure
  try {
    await take(job)
  } catch (error) {
    failure = error.message
  }
  process.send({ failure })
})
