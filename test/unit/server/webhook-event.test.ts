import { expect, test } from 'vitest'
import { createSigner } from '../../../src/server/http/signature.ts'
import { webhookEvent } from '../../../src/server/webhooks/webhook-event.ts'

const book = {
  signer: createSigner(Buffer.alloc(32, 1)),
  settings: { outputHours: 1, lanes: 1 },
  address: 'http://0.0.0.0:8420',
}

test('a webhook has the address that the task was made at, where the server listens on all of them', () => {
  const task = {
    id: 'a',
    api: 'runway',
    state: 'succeeded',
    createdAt: new Date().toISOString(),
    about: {},
    progress: {},
  }
  const linkOf = (about: object) => {
    const { data } = webhookEvent(book, { ...task, about } as never) as { data: { output: string[] } }
    return data.output[0]
  }
  expect(linkOf({ address: 'http://gpu.example:9000' })).toMatch(
    /^http:\/\/gpu\.example:9000\/v1\/outputs\/a\/video\?/,
  )
  expect(linkOf({})).toMatch(/^http:\/\/0\.0\.0\.0:8420\//)
})
