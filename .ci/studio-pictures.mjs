/**
 * Makes the pictures of the Studio in the documents: `npm run pictures`, after a build, with Debian's chromium. A server of its own
 * makes a few videos of the built-in model; nothing that is stored on this machine is read.
 *
 *   node .ci/studio-pictures.mjs           docs/pictures/studio-*.webp
 *   node .ci/studio-pictures.mjs <folder>  every view as PNG, dark and light, on a screen and on a phone: to be looked at
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'
import sharp from 'sharp'

const [reviewFolder] = process.argv.slice(2)
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const mostBytes = 30_000
const screen = { width: 1280, height: 800 }
const phone = { width: 390, height: 844 }

const folder = await mkdtemp(join(tmpdir(), 'studio-pictures-'))
const server = spawn(
  process.execPath,
  ['dist/src/cli/main.js', 'serve', '--port', '0', '--folder', folder, '--preview-steps', '1'],
  { stdio: ['ignore', 'pipe', 'pipe'] },
)
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
try {
  const url = await listeningAddress()
  const tasks = await makeVideos(url)
  if (reviewFolder) await review(url, tasks, reviewFolder)
  else await picture(url, tasks)
} finally {
  await browser.close()
  server.kill('SIGTERM')
  await once(server, 'exit')
  await rm(folder, { recursive: true, force: true })
}

/** The address that the server prints. */
async function listeningAddress() {
  return await new Promise((resolve, reject) => {
    server.once('exit', code => reject(new Error(`the server ended with ${code}`)))
    for (const input of [server.stdout, server.stderr]) {
      createInterface({ input }).on('line', line => {
        const [address] = line.match(/http:\/\/[\w.]+:\d+/) ?? []
        if (address) resolve(address)
      })
    }
  })
}

async function makeVideos(url) {
  const request = { frames: 17, steps: 8 }
  const wishes = [
    { prompt: 'a purple square that turns', seed: '3' },
    { prompt: 'a yellow star on a green meadow', seed: '4' },
    { prompt: 'a blue ring rolls to the right', seed: '5' },
    { prompt: 'a red ball bounces on a blue floor', seed: '7' },
    { prompt: 'a red ball bounces on a blue floor', seed: '7', guidance: 1 },
    { prompt: 'a red ball bounces on a blue floor', seed: '8' },
    { prompt: 'a red ball bounces on a blue floor', seed: '8', guidance: 1 },
  ]
  const tasks = []
  for (const wish of wishes) {
    const made = await post(url, { model: 'doodle', request: { ...request, ...wish } })
    tasks.push(await ended(url, made.id))
  }
  return tasks
}

async function post(url, body) {
  const response = await fetch(`${url}/v1/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(await response.text())
  return await response.json()
}

async function ended(url, id) {
  const events = await fetch(`${url}/v1/tasks/${id}/events`)
  await events.text()
  return await (await fetch(`${url}/v1/tasks/${id}/details`)).json()
}

async function picture(url, tasks) {
  const compared = tasks.slice(3)
  const page = await open(url, { viewport: screen, colorScheme: 'light' })
  await show(page, `#/make/${compared[0].id}`)
  await page.getByRole('button', { name: 'Open in editor' }).click()
  await page.getByText(/Needs \d/).waitFor()
  await page.locator('button:enabled', { hasText: 'Copy command' }).waitFor()
  await page.mouse.move(0, 0)
  await save(page, 'docs/pictures/studio-make.webp')
  await show(page, comparison(compared))
  await save(page, 'docs/pictures/studio-compare.webp')
  await watch(page, url)
  await save(page, 'docs/pictures/studio-watch.webp')
}

/** A video that is being made, in the middle. */
async function watch(page, url) {
  const long = { prompt: 'a green star spins', steps: 300, frames: 17, seed: '9' }
  const { id } = await post(url, { model: 'doodle', request: long })
  await show(page, `#/make/${id}`)
  await page.locator('img.preview').waitFor()
  await page
    .getByText(/Step [1-9]\d of 300/)
    .first()
    .waitFor()
}

async function review(url, tasks, to) {
  await mkdir(to, { recursive: true })
  for (const [device, viewport] of Object.entries({ screen, phone })) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await open(url, { viewport, colorScheme })
      const views = {
        make: `#/make/${tasks[3].id}`,
        gallery: '#/gallery',
        compare: comparison(tasks.slice(3)),
        pair: comparison(tasks.slice(3, 5)),
      }
      for (const [view, hash] of Object.entries(views)) {
        await show(page, hash)
        const path = join(to, `${view}-${device}-${colorScheme}.png`)
        await page.screenshot({ path, fullPage: device === 'phone' })
      }
      await page.context().close()
    }
  }
}

function comparison(tasks) {
  return `#/compare/${tasks.map(({ id }) => id).join('/')}`
}

async function open(url, options) {
  const context = await browser.newContext({ ...options, reducedMotion: 'reduce', bypassCSP: true })
  const page = await context.newPage()
  await page.goto(url)
  await page.locator('#stage').waitFor()
  return page
}

/** Shows a view, once its videos show a picture. */
async function show(page, hash) {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
  await page.waitForLoadState('networkidle', { timeout: 2000 }).catch(() => undefined)
  await page.waitForFunction(
    "[...document.querySelectorAll('#stage video')].every(each => each.readyState >= 2)",
  )
  await page.waitForFunction(
    '[...document.images].filter(each => each.getBoundingClientRect().top < innerHeight).every(each => each.complete)',
  )
}

/** As WebP, as fine as the size allows. */
async function save(page, path) {
  const png = await page.screenshot()
  for (const quality of [80, 70, 60, 50, 40, 30]) {
    const webp = await sharp(png).webp({ quality, effort: 6 }).toBuffer()
    if (webp.length > mostBytes) continue
    await writeFile(path, webp)
    console.log(`${path}: ${webp.length} bytes, quality ${quality}`)
    return
  }
  throw new Error(`${path}: more than ${mostBytes} bytes`)
}
