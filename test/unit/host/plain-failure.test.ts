import { expect, test } from 'vitest'
import { plainFailure } from '../../../src/host/plain-failure.ts'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { failureMessage } from '../../../src/server/tasks/failure-message.ts'

const storage = new FolderStorage('/srv/videos')
const generate = { prompt: 'x', image: 'inputs/a-1', references: ['inputs/b-2', 'inputs/c-3'] }
const request = { model: '/models/wan', generate }
const adapters = { ink: { path: '/models/loras/ink.safetensors' } }
const plain = (message: string) =>
  plainFailure({ code: 'media/input', message }, request, { storage, adapters })

test.each([
  [
    '/srv/videos/inputs/a-1: expected a picture, got 3 bytes.',
    'image: expected a picture, got 3 bytes.',
    'image',
  ],
  ['/srv/videos/inputs/c-3: expected a picture.', 'references[1]: expected a picture.', 'references[1]'],
  [
    '/models/wan/vae/model.safetensors: expected a file.',
    'wan/vae/model.safetensors: expected a file.',
    undefined,
  ],
  ['/models/loras/ink.safetensors: expected 3 tensors.', 'adapter ink: expected 3 tensors.', undefined],
  [
    "ENOENT: no such file, open '/srv/videos/outputs/x/1-video.mp4'",
    "ENOENT: no such file, open '1-video.mp4'",
    undefined,
  ],
  [
    'size: expected 16/9, got https://example.com/a/b.',
    'size: expected 16/9, got https://example.com/a/b.',
    undefined,
  ],
])('%s names no path of the machine', (message, expected, field) => {
  expect(plain(message)).toEqual({ code: 'media/input', message: expected, ...(field && { field }) })
})

test('a key that is none is left alone', () => {
  const hostile = { model: 'm', generate: { image: 'inputs/../../etc' } }
  expect(plainFailure({ code: 'internal', message: 'x' }, hostile, { storage, adapters }).message).toBe('x')
})

test("a client reads its own field's name", () => {
  const about = { fields: { image: 'promptImage', references: 'references' } }
  const task = { about, failure: plain('/srv/videos/inputs/a-1: expected a picture.') }
  expect(failureMessage(task as never)).toBe('promptImage: expected a picture.')
  const second = { about, failure: plain('/srv/videos/inputs/b-2: expected a picture.') }
  expect(failureMessage(second as never)).toBe('references[0]: expected a picture.')
  expect(failureMessage({ about: {}, failure: task.failure } as never)).toBe('image: expected a picture.')
  const failure = { code: 'request/size', message: 'frames: expected 5, got 6.', field: 'frames' }
  const messages = ['openai', 'runway'].map(api => failureMessage({ api, about: {}, failure } as never))
  expect(messages).toEqual(['num_frames: expected 5, got 6.', 'numFrames: expected 5, got 6.'])
})
