import { expect, test } from 'vitest'
import type { TaskRecord } from '../../../src/jobs/task.ts'
import { contentDisposition } from '../../../src/server/http/content-disposition.ts'
import { outputFileName } from '../../../src/server/tasks/output-file-name.ts'

const task = (prompt: string) =>
  ({
    id: '0f3a5b6c-0000',
    request: { model: 'm', generate: { prompt } },
    result: { seed: '7' },
  }) as unknown as TaskRecord

test.each([
  ['A red ball, bouncing!', 'a-red-ball-bouncing-7.mp4'],
  ['../../etc/passwd', 'etc-passwd-7.mp4'],
  ['"; filename="x.exe\r\nset-cookie: a', 'filename-x-exe-set-cookie-a-7.mp4'],
  ['', '0f3a5b6c-7.mp4'],
  ['!?', '0f3a5b6c-7.mp4'],
  ['赤いボール', '赤いボール-7.mp4'],
  ['𠮷'.repeat(100), `${'𠮷'.repeat(60)}-7.mp4`],
])('the video of %j is called %s', (prompt, name) => {
  expect(outputFileName(task(prompt), 'mp4')).toBe(name)
})

test('a name beyond ASCII is sent in both forms', () => {
  expect(contentDisposition('inline', 'ball-7.mp4')).toBe('inline; filename="ball-7.mp4"')
  expect(contentDisposition('attachment', 'bällö-7.gif')).toBe(
    `attachment; filename="b_ll_-7.gif"; filename*=UTF-8''b%C3%A4ll%C3%B6-7.gif`,
  )
})
