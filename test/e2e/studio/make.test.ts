/** What the Studio is for: videos are made, directed, watched and opened again. The files that come of it are read. */
import sharp from 'sharp'
import { expect, test } from 'vitest'
import type { TaskView } from '../../../src/server/framewright/contract.ts'
import { describeStudio, describeVideo, dropFiles, meanColour } from './browser.ts'

const picture = async (name: string, background: string) => ({
  name,
  type: 'image/png',
  bytes: await sharp({ create: { width: 48, height: 32, channels: 3, background } })
    .png()
    .toBuffer(),
})

describeStudio('the Studio', studio => {
  test('makes a video from text, after it has said what that takes', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'a red ball bounces on a blue floor' })
    await page.getByText(/Needs \d.*free on cpu/).waitFor()
    await page.getByText('known after the first video').waitFor()
    const task = await studio.make(page)
    await page.locator('.player video').waitFor()
    expect(task).toMatchObject({
      state: 'succeeded',
      request: { prompt: 'a red ball bounces on a blue floor' },
    })
    const frames = await studio.frames(task)
    expect(frames.map(({ length }) => length)).toEqual(Array(5).fill(32 * 32 * 3))
    await page.getByText(/^About /).waitFor()
    await page.locator('.player video').press('Home')
    await page.getByText('1 / 5', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'One frame forward' }).click()
    await page.getByText('2 / 5', { exact: true }).waitFor()
    expect(await page.getByRole('button', { name: 'Sound on' }).count()).toBe(0)
  })

  test('copies the command and the request, which make the same', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: "a ball's bounce" })
    await page.getByLabel('Seed', { exact: true }).fill('7')
    await page.getByRole('button', { name: 'Copy command' }).click()
    const command = (await page.evaluate('navigator.clipboard.readText()')) as string
    expect(command).toBe(
      "framewright generate --model doodle --steps 2 --seed 7 --size 32x32 --frames 5 'a ball'\\''s bounce'",
    )
    await page.getByRole('button', { name: 'Copy curl' }).click()
    const curl = (await page.evaluate('navigator.clipboard.readText()')) as string
    const [, body] = /-d '(.*)'$/s.exec(curl)!
    const response = await fetch(`${studio.server.url}/v1/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body!.replaceAll("'\\''", "'"),
    })
    expect(((await response.json()) as TaskView).request).toMatchObject({
      prompt: "a ball's bounce",
      seed: '7',
    })
    await studio.ended()
  })

  test('holds pictures that are dropped on the timeline, at their frames', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'colours' })
    await dropFiles(page, '.track', [await picture('red.png', '#f00000')], 0)
    await dropFiles(page, '.track', [await picture('blue.png', '#0000f0')], 1)
    await page.getByRole('button', { name: 'red.png at frame 1 of 5' }).waitFor()
    const blue = page.getByRole('button', { name: 'blue.png at frame 5 of 5' })
    await blue.press('ArrowLeft')
    await page.getByRole('button', { name: 'blue.png at frame 4 of 5' }).press('End')
    await blue.waitFor()
    const frames = await studio.frames(await studio.make(page))
    const [first, last] = [meanColour(frames[0]!), meanColour(frames[4]!)]
    expect(first[0]).toBeGreaterThan(first[2] + 60)
    expect(last[2]).toBeGreaterThan(last[0] + 60)
  })

  test('shows the picture while it forms, and goes on after a reload', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'a green star spins', steps: 60, frames: 17, size: 64 })
    await studio.begin(page)
    await page.locator('img.preview').waitFor()
    await page.getByText(/Step \d+ of 60/).waitFor()
    const shown = () => page.locator('img.preview').getAttribute('src')
    const before = await shown()
    await expect.poll(shown, { timeout: 20_000 }).not.toBe(before)
    await page.reload()
    await page
      .getByText(/Step \d+ of 60/)
      .first()
      .waitFor()
    await page.locator('.player video').waitFor()
    expect(await studio.frames(await studio.ended())).toHaveLength(17)
  })

  test('shows a video that is done before the request for it is answered', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'done at once' })
    await page.route('**/v1/tasks', async route => {
      if (route.request().method() !== 'POST') return await route.continue()
      const response = await route.fetch()
      await studio.ended()
      await page.locator('.card.succeeded', { hasText: 'done at once' }).waitFor()
      await route.fulfill({ response })
    })
    await page.getByRole('button', { name: 'Make video' }).click()
    await page.getByRole('button', { name: 'Sending…' }).waitFor()
    await page.getByRole('button', { name: 'Make video' }).waitFor()
    await page.locator('.player video').waitFor()
    await page.locator('.card.succeeded', { hasText: 'done at once' }).waitFor()
  })

  test('stops a video within a step, and makes it again', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'too long', steps: 400, frames: 17, size: 64 })
    await studio.begin(page)
    await page.getByText(/Step \d+ of 400/).waitFor()
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    await page.getByRole('button', { name: 'Try again', exact: true }).waitFor()
    const task = await studio.ended()
    expect(task.state).toBe('cancelled')
    await page.getByRole('button', { name: 'Try again', exact: true }).click()
    await page.getByText(/Step \d+ of 400/).waitFor()
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    await page.getByRole('button', { name: 'Try again', exact: true }).waitFor()
  })

  test('opens a dropped video of its own in the editor, which makes the same again', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'again' })
    await page.getByLabel('Seed', { exact: true }).fill('18446744073709551615')
    const first = await studio.make(page)
    await page.locator('.player video').waitFor()
    const bytes = Buffer.from(await (await fetch(first.outputs.video!)).arrayBuffer())
    await page.reload()
    await dropFiles(page, '#stage', [{ name: 'again.mp4', type: 'video/mp4', bytes }])
    await page.getByText('The settings of again.mp4 are in the editor.').waitFor()
    expect(await page.getByLabel('Prompt', { exact: true }).inputValue()).toBe('again')
    const second = await studio.make(page)
    expect(await studio.frames(second)).toEqual(await studio.frames(first))
  })

  test('goes on from a video by one press', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'longer' })
    await studio.make(page)
    await page.locator('.player video').waitFor()
    await page.getByRole('button', { name: 'Extend', exact: true }).click()
    await page.getByLabel('Length', { exact: true }).fill('5')
    const second = await studio.make(page)
    expect(second.request.extend).toMatch(/^task:/)
    expect(await studio.frames(second)).toHaveLength(10)
  })

  test('says what is wrong with a request in the words of the server, before and after it is sent', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'odd' })
    await page.getByLabel('Width', { exact: true }).fill('33')
    await page
      .getByText(/Expected a .*multiple of 16.*got 33|Expected .*got 33/)
      .first()
      .waitFor()
    await page.getByRole('button', { name: 'Make video' }).click()
    await page
      .getByRole('alert')
      .getByText(/got 33/)
      .waitFor()
    await page.getByRole('button', { name: 'Use 32 × 32' }).click()
    await expect.poll(() => page.getByText(/got 33/).count()).toBe(0)
  })
})
