/** A route of a Hono application that answers with a video. Express works alike: write the file, then `res.sendFile`. */
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { FramewrightError, generate } from 'framewright'
import { Hono } from 'hono'

export const app = new Hono()

app.get('/video.mp4', async context => {
  const output = path.join(tmpdir(), `${crypto.randomUUID()}.mp4`)
  try {
    const prompt = context.req.query('prompt') ?? 'a red ball bounces on a blue floor'
    const { signal } = context.req.raw
    for await (const _ of generate({ prompt, seed: 7, output, signal }));
    return context.body(await readFile(output), 200, { 'content-type': 'video/mp4' })
  } catch (error) {
    if (error instanceof FramewrightError)
      return context.json({ code: error.code, error: error.message }, 400)
    throw error
  } finally {
    await rm(output, { force: true })
  }
})
