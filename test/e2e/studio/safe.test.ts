/** The Studio with keys, with hostile texts and files, and with a server that is not always there. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { describeStudio, describeVideo, dropFiles } from './browser.ts'

describeStudio(
  'the Studio of a server with keys',
  studio => {
    test('asks for a key, keeps it for its tab, and shows that key’s tasks alone', async () => {
      const page = await studio.open()
      await page.getByLabel('API key').fill('wrong')
      await page.keyboard.press('Enter')
      await page.getByText('The server does not know this key.').waitFor()
      await page.getByLabel('API key').fill('alice')
      await page.keyboard.press('Enter')
      await describeVideo(page, { prompt: 'of Alice' })
      await studio.begin(page)
      await page.locator('.player video').waitFor()
      await page.reload()
      await page.getByText('of Alice').first().waitFor()
      const other = await studio.open()
      await other.getByLabel('API key').fill('bob')
      await other.keyboard.press('Enter')
      await other.getByText('No videos yet.').waitFor()
      expect(await other.context().cookies()).toEqual([])
    })
  },
  { secrets: { alice: {}, bob: {} } },
)

describeStudio('the Studio', studio => {
  test('shows markup in a prompt as it is written, and takes a prompt of 100 kB', async () => {
    const page = await studio.open()
    const markup = '<img src=x onerror="document.title=1"><script>document.title=1</script>{{7*7}}'
    await describeVideo(page, { prompt: markup })
    expect((await studio.make(page)).request.prompt).toBe(markup)
    await page.locator('.stage-prompt').getByText(markup).waitFor()
    const long = 'a red ball, '.repeat(8500)
    await describeVideo(page, { prompt: long })
    expect((await studio.make(page)).request.prompt).toBe(long)
    expect(await page.title()).toBe('Framewright Studio')
  })

  test('shows the name of a file as it is, and refuses one that is no picture', async () => {
    const page = await studio.open()
    const bytes = await sharp({ create: { width: 16, height: 16, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    const name = '"><script>document.title=1</script>.png'
    await dropFiles(page, '.track', [{ name, type: 'image/png', bytes }], 0)
    await page.locator('.file-name').getByText(name).waitFor()
    const text = { name: 'notes.txt', type: 'text/plain', bytes: Buffer.from('x') }
    await dropFiles(page, '.track', [text], 0)
    await page.getByRole('alert').getByText('notes.txt is neither a picture nor a video.').waitFor()
    const broken = { name: 'broken.png', type: 'image/png', bytes: Buffer.alloc(2000, 7) }
    await dropFiles(page, '.track', [broken], 1)
    await page.getByRole('button', { name: /^Make/ }).click()
    await page
      .getByRole('alert')
      .getByText(/Unsupported asset type/)
      .waitFor()
    expect(await page.title()).toBe('Framewright Studio')
  })

  test('says that the server is gone, and goes on when it is back', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'back again' })
    await page.context().setOffline(true)
    await page.getByRole('button', { name: /^Make/ }).click()
    await page.getByRole('alert').getByText('The server does not answer').waitFor()
    await page.context().setOffline(false)
    await studio.make(page)
    await page.locator('.stage-prompt').getByText('back again').waitFor()
    await page.locator('.player video').waitFor()
  })

  test('shows in one tab what is made in another', async () => {
    const first = await studio.open()
    const second = await first.context().newPage()
    studio.watch(second)
    await second.goto(studio.server.url)
    await second.locator('.connection.live').waitFor()
    await first.bringToFront()
    await describeVideo(first, { prompt: 'in both tabs' })
    await studio.make(first)
    await second.locator('.card').getByText('in both tabs').waitFor()
  })

  test('works below a path of a proxy', async () => {
    const { hostname, port } = new URL(studio.server.url)
    const proxy = createServer((incoming, outgoing) => {
      const { method, headers, url = '' } = incoming
      if (!url.startsWith('/video/')) return outgoing.writeHead(404).end()
      const path = url.slice('/video'.length)
      const sent = request({ hostname, port, method, path, headers }, answer => {
        outgoing.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(outgoing)
      })
      sent.on('error', () => outgoing.destroy())
      outgoing.on('close', () => sent.destroy())
      incoming.pipe(sent)
    })
    await once(proxy.listen(0, '127.0.0.1'), 'listening')
    try {
      const page = await studio.open({
        url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/video/`,
      })
      await describeVideo(page, { prompt: 'behind a proxy' })
      await studio.make(page)
      await page.locator('.player video').waitFor()
      await expect
        .poll(() => page.evaluate('document.querySelector(".player video").readyState'))
        .toBeGreaterThan(1)
      await page.getByRole('link', { name: 'API' }).click()
      await page.getByText('/v1/text_to_video').waitFor()
    } finally {
      proxy.closeAllConnections()
      proxy.close()
    }
  })

  test('works on a slow network', async () => {
    const page = await studio.open()
    const session = await page.context().newCDPSession(page)
    const slow = { offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000 }
    await session.send('Network.emulateNetworkConditions', slow)
    await page.reload()
    await describeVideo(page, { prompt: 'slowly' })
    await studio.make(page)
    await page.locator('.player video').waitFor()
  })
})
