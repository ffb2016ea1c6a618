import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { cleanPrompt } from '../../../src/text/clean.ts'
import { fixture } from '../../fixtures.ts'

const cleaned: [prompt: string, cleaned: string][] = JSON.parse(
  readFileSync(new URL('../../fixtures/text/cleaned.json', import.meta.url), 'utf8'),
).cases
const golden: { text: string; wan_cleaned: string }[] = JSON.parse(
  readFileSync(fixture('modules/tokenizer/tokenizer.json'), 'utf8'),
).prompts

describe('cleanPrompt', () => {
  it.each(golden)(
    'cleans the reference prompt $text as the Wan pipelines do',
    async ({ text, wan_cleaned }) => {
      expect(await cleanPrompt(text)).toBe(wan_cleaned)
    },
  )

  it.each(cleaned)('cleans %j as the Wan pipelines do', async (prompt, expected) => {
    expect(await cleanPrompt(prompt)).toBe(expected)
  })

  it('repairs a surrogate that stands alone', async () => {
    expect(await cleanPrompt('a \ud83d b')).toBe('a \ufffd b')
  })

  it('leaves plain text as it is but for its whitespace', async () => {
    const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')
    expect(await cleanPrompt(`\t${printable.replace('&', '')}\n`)).toBe(printable.replace('&', '').trim())
  })
})
