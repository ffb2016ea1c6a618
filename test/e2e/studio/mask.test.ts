/** A mask that is painted over a control video. The files that come of it are read. */
import sharp from 'sharp'
import { expect, test } from 'vitest'
import type { TaskView } from '../../../src/server/framewright/contract.ts'
import { chooseFiles, describeStudio, describeVideo, findings, tabTo } from './browser.ts'
import {
  controlClip,
  controlled,
  describeControlled,
  flatPicture,
  frames,
  madeLike,
  pngUri,
  size,
} from './controlled.ts'

const patience = { timeout: 180_000 }

/** The mask that a task was made with: a level from 0 to 255 for every pixel. */
async function maskOf(task: TaskView): Promise<{ readonly levels: Uint8Array; readonly file: Buffer }> {
  const file = Buffer.from(await (await fetch(task.files[String(task.request.mask)]!)).arrayBuffer())
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true })
  expect([info.width, info.height]).toEqual([size, size])
  const levels = Uint8Array.from({ length: size * size }, (_, pixel) => data[pixel * info.channels]!)
  return { levels, file }
}

const levelAt = (levels: Uint8Array, x: number, y: number) => levels[y * size + x]!

describeStudio(
  'the mask',
  studio => {
    test(
      'is painted by pointer over a frame: the video changes there and is kept elsewhere',
      patience,
      async () => {
        const page = await studio.open()
        await describeControlled(page, 'painted')
        await chooseFiles(page, 'Choose a video', [await controlClip(studio)])
        await page.getByRole('button', { name: 'Paint a mask' }).click()
        const board = page.getByRole('application', { name: /^Mask/ })
        await board.scrollIntoViewIfNeeded()
        const box = (await board.boundingBox())!
        const move = async (x: number, y: number) =>
          await page.mouse.move(box.x + x * box.width, box.y + y * box.height)
        await page.getByLabel('Brush size').fill('0.25')
        // The left half, by a stroke down its middle.
        await move(0.25, 0)
        await page.mouse.down()
        for (const y of [0.25, 0.5, 0.75, 1]) await move(0.25, y)
        await page.mouse.up()
        await page.getByText('50 % of the picture may be changed.').waitFor()
        // A hole in it, then taken back.
        await page.locator('label', { hasText: 'Erase' }).click()
        await move(0.25, 0.5)
        await page.mouse.down()
        await page.mouse.up()
        await expect.poll(() => page.getByText('50 % of the picture').count()).toBe(0)
        await page.getByRole('button', { name: 'Undo' }).click()
        await page.getByText('50 % of the picture may be changed.').waitFor()
        await page.getByLabel('Frame shown').fill('4')
        expect(await findings(page)).toEqual([])
        const task = await studio.make(page)
        expect(task).toMatchObject({ state: 'succeeded' })
        expect(task.request).not.toHaveProperty('strength')
        const { levels, file } = await maskOf(task)
        expect([levelAt(levels, 4, 16), levelAt(levels, 12, 3), levelAt(levels, 20, 16)]).toEqual([
          255, 255, 0,
        ])
        const made = await studio.frames(task)
        expect(made).toHaveLength(frames)
        const mask = (bytes: Buffer) => ({ request: { mask: pngUri(bytes) } })
        expect(await madeLike(studio, task, mask(file))).toEqual(made)
        const inverted = await sharp(file).negate({ alpha: false }).png().toBuffer()
        expect(await madeLike(studio, task, mask(inverted))).not.toEqual(made)
      },
    )

    test('is painted, inverted, cleared and taken away by keyboard alone', patience, async () => {
      const page = await studio.open()
      await describeControlled(page, 'painted by keys')
      await chooseFiles(page, 'Choose a video', [await controlClip(studio)])
      await tabTo(page, /^Paint a mask$/)
      await page.keyboard.press('Enter')
      const focused = page.getByRole('application', { name: /^Mask/ })
      await expect.poll(() => focused.evaluate(each => each === each.ownerDocument.activeElement)).toBe(true)
      const share = (percent: number) => page.getByText(`${percent} % of the picture`).waitFor()
      await share(0)
      await page.keyboard.press('Space')
      await page.getByText(/^[1-4] % of the picture/).waitFor()
      for (let presses = 0; presses < 30; presses++) await page.keyboard.press('Shift+ArrowDown')
      await page.keyboard.press('Control+z')
      for (let presses = 0; presses < 30; presses++) await page.keyboard.press(']')
      for (let presses = 0; presses < 10; presses++) await page.keyboard.press('ArrowLeft')
      await page.keyboard.press('Space')
      await tabTo(page, /^Invert$/)
      await page.keyboard.press('Enter')
      const inverted = await maskOf(await studio.make(page))
      expect(levelAt(inverted.levels, 2, 31)).toBe(0)
      expect(levelAt(inverted.levels, 30, 2)).toBe(255)
      await tabTo(page, /^Clear$/, 'Shift+Tab')
      await page.keyboard.press('Enter')
      await share(0)
      const task = await studio.make(page)
      const { levels } = await maskOf(task)
      expect(Math.max(...levels)).toBe(0)
      await tabTo(page, /^Remove mask$/, 'Shift+Tab')
      await page.keyboard.press('Enter')
      await page.getByRole('button', { name: 'Paint a mask' }).waitFor()
      expect((await studio.make(page)).request.mask).toBeUndefined()
    })

    test('is a file, which is painted over, of a task that is opened again too', patience, async () => {
      const page = await studio.open()
      await describeControlled(page, 'from a file')
      await chooseFiles(page, 'Choose a video', [await controlClip(studio)])
      await chooseFiles(page, 'Choose a mask file', [await flatPicture('white.png', 'white')])
      await page.getByText('100 % of the picture may be changed.').waitFor()
      const first = await studio.make(page)
      await page.locator('.player video').waitFor()
      await page.reload()
      await page.getByRole('button', { name: 'Open in editor' }).click()
      await page.getByText('100 % of the picture may be changed.').waitFor()
      await expect.poll(() => page.locator('.source video').count()).toBe(1)
      await page.locator('label', { hasText: 'Erase' }).click()
      await page.getByRole('application').press('Space')
      const second = await studio.make(page)
      const { levels } = await maskOf(second)
      expect([levelAt(levels, 16, 16), levelAt(levels, 2, 2)]).toEqual([0, 255])
      expect(await studio.frames(second)).not.toEqual(await studio.frames(first))
    })

    test('is drawn again where the size of the video changes', patience, async () => {
      const page = await studio.open()
      await describeControlled(page, 'another size')
      await page.getByRole('button', { name: 'Paint a mask' }).click()
      await page.getByRole('application').press('Space')
      await page.getByLabel('Width', { exact: true }).fill('64')
      const task = await studio.make(page)
      const file = await fetch(task.files[String(task.request.mask)]!)
      expect(await sharp(Buffer.from(await file.arrayBuffer())).metadata()).toMatchObject({
        width: 64,
        height: 32,
      })
      expect((await studio.frames(task))[0]).toHaveLength(64 * 32 * 3)
    })

    test('is not there for a model that takes none, nor sent to it', patience, async () => {
      const page = await studio.open()
      await describeControlled(page, 'another model')
      await page.getByRole('button', { name: 'Paint a mask' }).click()
      await page.getByRole('application').press('Space')
      await page.getByLabel('Model').selectOption('doodle')
      await page.getByLabel('Prompt', { exact: true }).waitFor()
      expect(await page.getByText('Mask', { exact: true }).count()).toBe(0)
      await describeVideo(page, { prompt: 'another model' })
      const task = await studio.make(page)
      expect(task).toMatchObject({ state: 'succeeded', model: 'doodle' })
      expect(task.request.mask).toBeUndefined()
    })
  },
  controlled,
)
