import { describe, expect, test } from 'vitest'
import { glyphText, glyphTokenizer, ownTokens } from '../../../models/hunyuan15/glyphs.ts'

describe('the text in quotes', () => {
  test.each([
    ['a cat', undefined],
    ['a sign "OPEN"', 'Text "OPEN". '],
    ['“Größe” and "a", then "a" again', 'Text "Größe". Text "a". '],
    ['"shortest" match" of all', 'Text "shortest". '],
    ['not "across\nlines" but “here”', 'Text "here". '],
    ['nothing in ""', 'Text "". '],
    ['one quote " only', undefined],
  ])('of %j is %j', (prompt, text) => {
    expect(glyphText(prompt)).toBe(text)
  })
})

describe('the ids of a text', () => {
  const token = (id: number, content: string, strips = false) => {
    return { id, content, lstrip: strips, rstrip: strips }
  }
  const { encode } = glyphTokenizer([
    token(384, '<color-0>'),
    token(394, '<color-10>'),
    token(1, '</s>', true),
  ])
  const idsOf = (text: string) => [...encode(text).ids].map(Number)

  test('are its bytes, three up, and the end', () => {
    expect(idsOf('aé')).toEqual([0x61 + 3, 0xc3 + 3, 0xa9 + 3, 1])
    expect(encode('a').truncated).toBe(false)
  })

  test('have one for an added token, with the whitespace that belongs to it', () => {
    expect(idsOf('a <color-10>b')).toEqual([0x61 + 3, 0x20 + 3, 394, 0x62 + 3, 1])
    expect(idsOf('a </s> b')).toEqual([0x61 + 3, 1, 0x62 + 3, 1])
  })

  // transformers 5.18, `ByT5Tokenizer()`.
  test('have one for the tokens that the class adds by itself', () => {
    const own = glyphTokenizer(ownTokens(125))
    expect([...own.encode('two <extra_id_3> words </s> x').ids].map(Number)).toEqual([
      119, 122, 114, 35, 262, 35, 122, 114, 117, 103, 118, 1, 123, 1,
    ])
  })

  test('are cut to 256, the end included', () => {
    const { ids, truncated } = encode('a'.repeat(300))
    expect([ids.length, ids.at(-1), truncated]).toEqual([256, 1n, true])
  })
})
