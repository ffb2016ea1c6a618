import { describe, expect, test } from 'vitest'
import { closestKeys, closeTo } from '../../../src/weights/closest-keys.ts'

describe('closestKeys', () => {
  test('ranks by insertions, deletions and substitutions', () => {
    const candidates = ['norm.weight', 'norm.weights', 'form.weight', 'norm', 'other.thing']
    expect(closestKeys('norm.weight', candidates, 4)).toEqual([
      'norm.weight',
      'norm.weights',
      'form.weight',
      'norm',
    ])
  })

  test('takes candidates with equal edits in their order', () => {
    expect(closestKeys('ab', ['xb', 'ax', 'abc', 'zzz'])).toEqual(['xb', 'ax', 'abc'])
  })

  test('bounds its work on absurd keys', () => {
    const long = 'k'.repeat(1_000_000)
    expect(closestKeys(long, [long, 'k'], 1)).toEqual([long])
  })
})

test.each([
  ['dodle', ['doodle']],
  ['realese', ['release']],
  ['ddim', []],
  ['', []],
])('%j may be a misspelling of %j', (word, expected) => {
  expect(closeTo(word, ['doodle', 'release', 'euler', 'unipc'])).toEqual(expected)
})
