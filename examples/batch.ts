/** Many videos of one model: it is opened once, and two lanes make two videos at a time. */
import { builtInModel, createEngine, packageVersion, renderVideo, resolveModel } from 'framewright'

const [folder = '.'] = process.argv.slice(2)
const lanes = 2
const prompts = ['a red ball', 'a blue ring', 'a green triangle', 'a purple square'].map(
  each => `${each} moves to the left on a white background`,
)

await using engine = await createEngine({ model: await resolveModel(builtInModel), lanes, threads: 1 })
const waiting = prompts.entries()

async function work(): Promise<void> {
  for (const [index, prompt] of waiting) {
    const output = { path: `${folder}/batch-${index}.mp4`, model: builtInModel, version: packageVersion() }
    for await (const event of renderVideo(engine, { prompt, seed: index }, output)) {
      if (event.type === 'video-written') console.log(`${event.path}: ${prompt}`)
    }
  }
}
await Promise.all(Array.from({ length: lanes }, work))
