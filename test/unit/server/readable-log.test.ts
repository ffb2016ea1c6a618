import { expect, test } from 'vitest'
import { createLog } from '../../../src/server/log.ts'
import { readableLines } from '../../../src/server/readable-log.ts'

test('a log on a terminal has a line for people, with the fields behind it and an error at its end', () => {
  const lines: string[] = []
  const log = createLog('info', readableLines({ write: text => lines.push(text) }))
  log.info({ url: 'http://127.0.0.1:8420', models: ['doodle'], note: 'two words' }, 'serving')
  log.error({ error: new Error('broken') }, 'tasks')
  log.debug('not said')
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d info serving url=http:\/\/127\.0\.0\.1:8420 models=\["doodle"\] note="two words"\n$/,
  )
  expect(lines[1]).toMatch(/^\d\d:\d\d:\d\d error tasks error=\nError: broken\n {4}at /)
})
