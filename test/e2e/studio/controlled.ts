/** A server whose models take control videos, masks, references and adapters, and what is sent to it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { expect } from 'vitest'
import { openVideoWriter } from '../../../src/media/writer.ts'
import type { TaskView } from '../../../src/server/framewright/contract.ts'
import { fixture } from '../../fixtures.ts'
import { seededModels, writeSeededModel } from '../../parity/seeded-models.ts'
import { discFrames } from '../../unit/media/clip-samples.ts'
import { describeVideo, type Studio } from './browser.ts'

export const size = 32
export const frames = 5

/** A small model that takes control videos, masks and references, one with adapters, and the built-in one. */
export async function controlled(folder: string) {
  const vace = join(folder, 'vace')
  await writeSeededModel(vace, seededModels()['wan21-vace']!)
  const adapted = fixture('wan21-t2v/model')
  const adapters = { first: { path: fixture('lora/peft.safetensors') } }
  const catalogue = { models: [vace, adapted, 'doodle'], aliases: { vace, adapted }, adapters }
  // Without a device no memory is planned: for a model of this kind, in full size, that takes seconds.
  return { devices: [], catalogue }
}

export async function controlClip(studio: Studio) {
  const path = join(studio.folder, 'control.mp4')
  const writer = await openVideoWriter({ path, width: size, height: size, fps: 16 })
  await writer.write(discFrames(frames, size, size))
  await writer.finish()
  return { name: 'control.mp4', mimeType: 'video/mp4', buffer: await readFile(path) }
}

export async function flatPicture(name: string, background: string) {
  const create = { width: 40, height: 40, channels: 3, background } as const
  return { name, mimeType: 'image/png', buffer: await sharp({ create }).png().toBuffer() }
}

export async function describeControlled(page: Page, prompt: string): Promise<void> {
  await describeVideo(page, { prompt, steps: 1, frames, size })
  await page.getByLabel('Seed', { exact: true }).fill('11')
}

/** The frames of a task like another that is sent without the page. */
export async function madeLike(
  studio: Studio,
  { model, request, loras }: TaskView,
  change: { readonly request?: object; readonly loras?: TaskView['loras'] } = {},
): Promise<Uint8Array[]> {
  const body = { model, loras: change.loras ?? loras, request: { ...request, ...change.request } }
  const response = await fetch(`${studio.server.url}/v1/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(await response.clone().text()).toContain('"id"')
  return await studio.frames(await studio.ended())
}

export function pngUri(file: Buffer): string {
  return `data:image/png;base64,${file.toString('base64')}`
}
