/** A video that starts with a picture: a path, a URL, bytes, a Blob or an object of sharp. */
import { generate } from 'framewright'
import sharp from 'sharp'

const [output = 'image.mp4'] = process.argv.slice(2)
const ball = '<circle cx="20" cy="32" r="10" fill="red"/>'
const picture = sharp(
  Buffer.from(`<svg width="64" height="64"><rect width="64" height="64" fill="white"/>${ball}</svg>`),
)

const request = { prompt: 'a red ball moves to the right on a white background', image: picture, seed: 7 }
for await (const event of generate({ ...request, output })) {
  if (event.type === 'video-written') console.log(event.path)
}
