import { describe, expect, it } from 'vitest'
import { recordFromText, recordToText } from '../../../src/media/record.ts'
import { record } from './clip-samples.ts'

describe('a generation record', () => {
  it('comes back from its text with fields that this version does not know', async () => {
    expect(await recordFromText(recordToText(record), 'clip.mp4')).toEqual(record)
  })

  it.each([undefined, '', 'made with love', '{"framewright"', '{"prompt":"x"}', '[1]', '{}'])(
    'is not seen in the comment %j',
    async text => expect(await recordFromText(text, 'clip.mp4')).toBeUndefined(),
  )

  it.each([
    [{ ...record, seed: 42 }, /got a damaged one \(seed: .*expected string, received number\)/],
    [{ ...record, seed: '-1' }, /got a damaged one \(seed: /],
    [{ ...record, steps: undefined }, /got a damaged one \(steps: /],
    ['text', /got a damaged one/],
  ])('is reported when it is damaged: %#', async (value, message) => {
    const text = JSON.stringify({ framewright: value })
    await expect(recordFromText(text, 'clip.mp4')).rejects.toMatchObject({
      code: 'media/input',
      message: expect.stringMatching(message),
    })
  })
})
