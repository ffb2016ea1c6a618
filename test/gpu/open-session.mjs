/** A process with the CUDA provider in it: opens a model, runs it if there are feeds, and marks the log between. */
import { appendFileSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { runtime, model, config, feeds, log } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const { InferenceSession, Tensor } = createRequire(`${runtime}/`)('onnxruntime-node')
const mark = text => appendFileSync(log, `mark ${text}\n`)

const arrays = {
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
}
mark('open')
try {
  const session = await InferenceSession.create(readFileSync(model), config)
  if (feeds) {
    const tensors = Object.entries(feeds).map(([name, { type, shape }]) => {
      const count = shape.reduce((product, dim) => product * dim, 1)
      return [name, new Tensor(type, new arrays[type](count), shape)]
    })
    mark('run')
    await session.run(Object.fromEntries(tensors))
  }
  mark('end')
} catch (error) {
  process.stdout.write(`failed: ${error.message}\n`)
}
