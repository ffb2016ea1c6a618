/** A video from a video: the strength says how much of it may change, from 0 to 1. */
import { generate } from 'framewright'

const [source, output = 'video.mp4'] = process.argv.slice(2)
if (source === undefined) throw new Error('usage: video.ts <clip> [output]')

const prompt = 'a green ball bounces on a blue floor'
for await (const event of generate({ prompt, video: source, strength: 0.7, seed: 7, output })) {
  if (event.type === 'notice') console.log(event.message)
  if (event.type === 'video-written') console.log(event.path)
}
