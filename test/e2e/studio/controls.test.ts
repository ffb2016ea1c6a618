/** The controls of the editor, the timeline and the player, one by one. The files that come of it are read. */
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import type { Capabilities } from '../../../src/server/framewright/contract.ts'
import { describeStudio, describeVideo, meanColour } from './browser.ts'

/** A wide picture: red on its left, green in its middle, blue on its right. */
async function stripes(): Promise<Buffer> {
  const third = (background: string, left: number) => ({
    input: { create: { width: 32, height: 32, channels: 3, background } } as const,
    left,
    top: 0,
  })
  return await sharp({ create: { width: 96, height: 32, channels: 3, background: 'black' } })
    .composite([third('#f00000', 0), third('#00f000', 32), third('#0000f0', 64)])
    .png()
    .toBuffer()
}

/** Pastes a picture, as from another program. */
async function paste(page: Page, name: string, bytes: Buffer): Promise<void> {
  await page.evaluate(`(() => {
    const clipboardData = new DataTransfer()
    const bytes = Uint8Array.from(atob('${bytes.toString('base64')}'), each => each.charCodeAt(0))
    clipboardData.items.add(new File([bytes], '${name}', { type: 'image/png' }))
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
  })()`)
}

describeStudio('the controls of the Studio', studio => {
  test('explain themselves where the pointer rests on them, in the words of the request’s fields', async () => {
    const page = await studio.open()
    await page.locator('.memory').waitFor()
    await page.locator('.advanced summary').click()
    const { fields } = (await (await fetch(`${studio.server.url}/v1/capabilities`)).json()) as Capabilities
    const words = new Map(fields.map(({ name, about }) => [name, about]))
    for (const [label, name] of [
      ['Guidance', 'guidance'],
      ['Negative prompt', 'negativePrompt'],
      ['Shift', 'shift'],
    ] as const) {
      const head = page.locator('.field-head').getByText(label, { exact: true })
      const tip = page.locator('.field', { has: head }).locator('.tip')
      const opacity = () =>
        tip.evaluate(element => (globalThis as unknown as Styles).getComputedStyle(element).opacity)
      expect(await opacity()).toBe('0')
      await head.hover()
      await expect.poll(opacity, { timeout: 10_000 }).toBe('1')
      expect(await tip.textContent()).toBe(words.get(name))
    }
    const unexplained = page.locator('.field:not(:has(.tip)) label, .field:not(:has(.tip)) .label')
    expect(await unexplained.allTextContents()).toEqual([])
  })

  test('roll a seed, keep it, and let it go', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'a red ball', steps: 1 })
    await page.getByRole('button', { name: 'Roll a seed' }).click()
    const seed = await page.getByLabel('Seed', { exact: true }).inputValue()
    expect(seed).toMatch(/^\d+$/)
    const made = [await studio.make(page), await studio.make(page)]
    expect(made.map(({ request }) => request.seed)).toEqual([seed, seed])
    expect(await studio.frames(made[1]!)).toEqual(await studio.frames(made[0]!))
    await page.getByRole('button', { name: 'Use a new seed for every video' }).click()
    const other = await studio.make(page)
    expect(other.request.seed).not.toBe(seed)
    expect(await page.getByLabel('Seed', { exact: true }).inputValue()).toBe(other.request.seed)
  })

  test('have sizes to choose from, and the length in seconds', async () => {
    const page = await studio.open()
    await page.getByLabel('Prompt', { exact: true }).fill('a blue ring')
    await page.getByLabel('Steps', { exact: true }).fill('1')
    const wide = page.locator('.choices label', { hasText: '16:9' })
    const [width, height] = (await wide.getAttribute('title'))!.split(' × ').map(Number)
    expect(width! / height!).toBeCloseTo(16 / 9, 0)
    await wide.click()
    expect(await page.getByLabel('Width', { exact: true }).inputValue()).toBe(String(width))
    await page.getByLabel('Frames', { exact: true }).fill('9')
    await page.getByText('1.13 s, 9 frames').waitFor()
    const task = await studio.make(page)
    expect(task).toMatchObject({ state: 'succeeded', result: { width, height, frames: 9, fps: 8 } })
  })

  test('show a pasted picture as the model sees it, cut or stretched, and drag it along the timeline', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'stripes', steps: 1 })
    await paste(page, 'stripes.png', await stripes())
    const mark = page.getByRole('button', { name: /^stripes\.png at frame/ })
    await mark.click()
    const shown = async () => {
      const png = await page.locator('.as-model img').screenshot()
      return meanColour(new Uint8Array(await sharp(png).removeAlpha().raw().toBuffer()))
    }
    const [red, green, blue] = await shown()
    expect(green).toBeGreaterThan(Math.max(red, blue) + 60)
    const cut = meanColour((await studio.frames(await studio.make(page)))[0]!)
    expect(cut[1]).toBeGreaterThan(Math.max(cut[0], cut[2]) + 60)
    await page.locator('.choices label', { hasText: 'Stretch' }).click()
    const even = await shown()
    expect(Math.max(...even) - Math.min(...even)).toBeLessThan(30)
    const stretched = await studio.make(page)
    expect(stretched.request.fit).toBe('stretch')
    const whole = meanColour((await studio.frames(stretched))[0]!)
    expect(Math.max(...whole) - Math.min(...whole)).toBeLessThan(50)
    const [box, track] = [(await mark.boundingBox())!, (await page.locator('.track').boundingBox())!]
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    await page.mouse.down()
    await page.mouse.move(track.x + track.width / 2, box.y + box.height / 2, { steps: 5 })
    await page.mouse.up()
    await page.getByRole('button', { name: 'stripes.png at frame 3 of 5' }).waitFor()
    expect((await studio.make(page)).request).toMatchObject({ keyframes: [{ frame: 2 }] })
  })

  test('play at another speed, once or again and again, and start another video from it', async () => {
    const page = await studio.open({ reducedMotion: 'reduce' })
    await describeVideo(page, { prompt: 'a green star', steps: 1 })
    await studio.make(page)
    const video = page.locator('.player video')
    await video.waitFor()
    await page.getByLabel('Speed').selectOption('2×')
    await page.getByRole('button', { name: 'Loop' }).click()
    await page.getByRole('button', { name: 'Play', exact: true }).click()
    expect(await video.evaluate(each => (each as unknown as Playback).playbackRate)).toBe(2)
    await page.getByText('5 / 5', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor()
    await page.getByRole('button', { name: 'Start from it' }).click()
    await page.locator('.source').waitFor()
    const next = await studio.make(page)
    expect(next).toMatchObject({
      state: 'succeeded',
      request: { video: expect.stringMatching(/^task:/), strength: expect.any(Number) },
    })
    expect(await studio.frames(next)).toHaveLength(5)
  })

  test('change the theme, which stays', async () => {
    const page = await studio.open({ colorScheme: 'light' })
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
    const light = await ground()
    await page.locator('header .icon-button').click()
    await expect.poll(ground).not.toBe(light)
    const dark = await ground()
    await page.reload()
    await expect.poll(ground).toBe(dark)
  })
})

interface Playback {
  readonly playbackRate: number
}

interface Styles {
  getComputedStyle(element: unknown): { readonly opacity: string }
}
