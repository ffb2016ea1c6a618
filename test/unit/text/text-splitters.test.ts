import { describe, expect, it } from 'vitest'
import { metaspaceSplitter, splitAtWhitespace } from '../../../src/text/text-splitters.ts'

describe('splitAtWhitespace', () => {
  it('splits at Unicode whitespace and nothing else', () => {
    expect(splitAtWhitespace(' a\u3000b\u0085c\ufeffd ')).toEqual(['a', 'b', 'c\ufeffd'])
    expect(splitAtWhitespace('  ')).toEqual([])
  })
})

describe('metaspaceSplitter', () => {
  it('cuts before every mark', () => {
    expect(metaspaceSplitter({})('a  b ')).toEqual(['▁a', '▁', '▁b', '▁'])
  })

  it('does not put a second mark before text that starts with one', () => {
    expect(metaspaceSplitter({})('▁a')).toEqual(['▁a'])
  })

  it('prepends to the first stretch only, or not at all, where asked', () => {
    const first = metaspaceSplitter({ prepend_scheme: 'first' })
    expect([first('a b', { section_index: 0 }), first('a b', { section_index: 2 })]).toEqual([
      ['▁a', '▁b'],
      ['a', '▁b'],
    ])
    expect(metaspaceSplitter({ add_prefix_space: false })('a b')).toEqual(['a', '▁b'])
  })

  it('keeps the text whole where it is not to be split', () => {
    expect(metaspaceSplitter({ split: false })('a b')).toEqual(['▁a▁b'])
  })
})
