/** A video with pictures at frames of one's choice: here the first and the last of 17. */
import { generate } from 'framewright'
import sharp from 'sharp'

const [output = 'keyframes.mp4'] = process.argv.slice(2)

/** A blue square on white, `x` pixels from the left. */
function square(x: number): Promise<Buffer> {
  const shapes = `<rect width="64" height="64" fill="white"/><rect x="${x}" y="24" width="16" height="16" fill="blue"/>`
  return sharp(Buffer.from(`<svg width="64" height="64">${shapes}</svg>`))
    .png()
    .toBuffer()
}

const keyframes = [
  { frame: 0, path: await square(8), strength: 1 },
  { frame: 16, path: await square(40), strength: 1 },
]
const prompt = 'a blue square moves to the right on a white background'
for await (const event of generate({ prompt, keyframes, frames: 17, seed: 7, output })) {
  if (event.type === 'video-written') console.log(event.path)
}
