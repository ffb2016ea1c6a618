/** A video from a prompt. */
import { generate } from 'framewright'

const [prompt = 'a red ball bounces on a blue floor', output = 'text.mp4'] = process.argv.slice(2)

for await (const event of generate({ prompt, output, seed: 7 })) {
  if (event.type === 'notice') console.log(event.message)
  if (event.type === 'step-end') console.log(`step ${event.step} of ${event.of}`)
  if (event.type === 'video-written') console.log(`${event.frames} frames in ${event.path}`)
}
