import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { unescapeHtml } from '../../../src/text/html-unescape.ts'

const cases: [text: string, unescaped: string][] = JSON.parse(
  readFileSync(new URL('../../fixtures/text/unescaped.json', import.meta.url), 'utf8'),
).cases

describe('unescapeHtml', () => {
  it.each(cases)('reads %j as Python does', (text, unescaped) => {
    expect(unescapeHtml(text)).toBe(unescaped)
  })

  it('resolves one level of references', () => {
    expect(unescapeHtml('&amp;lt;')).toBe('&lt;')
  })
})
