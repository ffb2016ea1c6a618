/** One model, with and without a LoRA adapter: the adapter belongs to the engine. */
import { generate } from 'framewright'

const [model, adapter, output = 'lora'] = process.argv.slice(2)
if (model === undefined || adapter === undefined) throw new Error('usage: lora.ts <model> <adapter> [output]')

for (const scale of [0, 0.5, 1]) {
  const adapters = scale === 0 ? [] : [{ path: adapter, scale }]
  const video = { model, prompt: 'a red ball', steps: 2, frames: 5, width: 32, height: 32, seed: 7 }
  for await (const event of generate({ ...video, adapters, output: `${output}-${scale}.mp4` })) {
    if (event.type === 'video-written') console.log(event.path)
  }
}
