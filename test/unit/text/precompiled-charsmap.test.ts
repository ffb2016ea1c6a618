import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { precompiledCharsmap } from '../../../src/text/precompiled-charsmap.ts'
import { fixture } from '../../fixtures.ts'

const tokenizer = JSON.parse(readFileSync(fixture('wan21-t2v/model/tokenizer/tokenizer.json'), 'utf8'))
const normalize = precompiledCharsmap(tokenizer.normalizer.normalizers[0].precompiled_charsmap)

describe('precompiledCharsmap', () => {
  // Expected: normalizers.Precompiled of Hugging Face's Rust tokenizers 0.22 with the same table.
  it.each([
    ['full width, fractions and ligatures', 'ＡＢＣ\u3000½ ﬁ', 'ABC 1\u20442 fi'],
    ['a combining accent', 'cafe\u0301', 'caf\u00e9'],
    ['zero-width characters', 'a\u200bb\u200dc\ufeffd', 'a b\u200dc d'],
    ['control characters', '\x01\x7f\t\n', '  '],
    ['a joined emoji', '👨\u200d👩\u200d👧', '👨\u200d👩\u200d👧'],
    ['squared and half-width letters', '㍿ ｶﾞ', '株式会社 カ\u3099'],
    ['conjoining Hangul', '\u1100\u1161\u11a8', '\u1100\u1161\u11a8'],
    ['a Devanagari letter with nukta', '\u0958', '\u0915\u093c'],
    ['nothing', '', ''],
  ])('normalizes %s as the Rust tokenizers do', (_, text, normalized) => {
    expect(normalize(text)).toBe(normalized)
  })

  it('rejects a table that is cut short', () => {
    const whole = Buffer.from(tokenizer.normalizer.normalizers[0].precompiled_charsmap, 'base64')
    const cut = whole.subarray(0, 1000).toString('base64')
    expect(() => precompiledCharsmap(cut)).toThrow(
      /expected a byte count and as many bytes of a trie, got 1000 bytes/,
    )
    expect(() => precompiledCharsmap('')).toThrow(/got 0 bytes/)
  })
})
