/** The example of the README: the type checker reads it here, a test runs it. */
import { builtInModel, createEngine, packageVersion, renderVideo, resolveModel } from 'framewright'

const engine = await createEngine({ model: await resolveModel(builtInModel) })
const request = { prompt: 'a red ball moves to the right on a white background', seed: 7 }
const output = { path: 'ball.mp4', model: builtInModel, version: packageVersion() }
for await (const event of renderVideo(engine, request, output)) {
  if (event.type === 'step-end') console.log(`step ${event.step} of ${event.of}`)
  if (event.type === 'video-written') console.log(`${event.frames} frames in ${event.path}`)
}
await engine[Symbol.asyncDispose]()
