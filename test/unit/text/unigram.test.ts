import { describe, expect, it } from 'vitest'
import { CheckpointError } from '../../../src/errors.ts'
import { unigram } from '../../../src/text/unigram.ts'

// Expected splits: models.Unigram of Hugging Face's Rust tokenizers 0.22 with the same vocabulary.
const vocab: [string, number][] = [
  ['<unk>', 0],
  ['a', -1],
  ['b', -1],
  ['ab', -2],
  ['ba', -2],
  ['aba', -2.5],
  ['猫', -3],
  ['😀', -3],
]
const bytes: [string, number][] = [
  ['<0xC3>', -9],
  ['<0xA9>', -9],
]

describe('unigram', () => {
  it.each([
    ['abab', ['aba', 'b']],
    ['ab', ['ab']],
    ['猫犬狗😀🐱', ['猫', '犬狗', '😀', '🐱']],
    ['xxaxy', ['xx', 'a', 'xy']],
    ['ab<unk>b', ['ab', '<unk>', 'b']],
    ['', []],
  ])('splits %j into %j', (text, pieces) => {
    expect(unigram({ vocab, unk_id: 0 }).split(text)).toEqual(pieces)
  })

  it.each([
    ['aé', ['a', '<0xC3>', '<0xA9>']],
    ['aéx', ['a', 'éx']],
  ])('falls back to the bytes of %j where the vocabulary has all of them', (text, pieces) => {
    const model = unigram({ vocab: [...vocab, ...bytes], unk_id: 0, byte_fallback: true })
    expect(model.split(text)).toEqual(pieces)
  })

  it('numbers pieces by their place in the vocabulary', () => {
    const { ids, unknownId } = unigram({ vocab, unk_id: 0 })
    expect([ids.get('ab'), ids.get('😀'), ids.get('zz'), unknownId]).toEqual([3, 7, undefined, 0])
  })

  it('splits a long text without spaces', () => {
    const model = unigram({ vocab: [...vocab, ['長'.repeat(48), -20]], unk_id: 0 })
    expect(model.split('猫ab'.repeat(700))).toHaveLength(1400)
  })

  it.each([
    [{ vocab: [['a', -1], ['b']], unk_id: 0 }],
    [{ vocab: [['a', 'b']], unk_id: 0 }],
    [{ vocab: [['a', -1]], unk_id: 1 }],
    [{ vocab: [], unk_id: 0 }],
  ])('rejects the malformed model %j', config => {
    expect(() => unigram(config)).toThrow(CheckpointError)
  })
})
