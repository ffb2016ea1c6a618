import { describe, expect, test } from 'vitest'
import { formFields } from '../../../src/server/http/form-fields.ts'

describe('names of form fields', () => {
  test('with brackets make objects and lists', () => {
    const fields = formFields([
      ['prompt', 'a ball'],
      ['input_reference[image_url]', 'https://example.com/a.png'],
      ['extra[a][b]', '1'],
      ['extra[a][c]', '2'],
      ['tags[]', 'x'],
      ['tags[]', 'y'],
      ['loras[][name]', 'p'],
      ['loras[][scale]', '1'],
      ['loras[][name]', 'q'],
      ['loras[][name]', 'r'],
      ['loras[][more][a]', 's'],
      ['empty', ''],
    ])
    expect(JSON.parse(JSON.stringify(fields))).toEqual({
      prompt: 'a ball',
      input_reference: { image_url: 'https://example.com/a.png' },
      extra: { a: { b: '1', c: '2' } },
      tags: ['x', 'y'],
      loras: [{ name: 'p', scale: '1' }, { name: 'q' }, { name: 'r', more: { a: 's' } }],
      empty: '',
    })
  })

  test('the last of two values counts', () => {
    expect(
      formFields([
        ['a', '1'],
        ['a', '2'],
      ]).a,
    ).toBe('2')
  })

  test.each([
    [
      [
        ['a[b]', '1'],
        ['a', '2'],
      ],
    ],
    [
      [
        ['a', '1'],
        ['a[b]', '2'],
      ],
    ],
    [
      [
        ['a[]', '1'],
        ['a[b]', '2'],
      ],
    ],
    [
      [
        ['a[b]', '1'],
        ['a[]', '2'],
      ],
    ],
    [[['a[][]', '1']]],
    [
      [
        ['a[][b][]', '1'],
        ['a[][b][c]', '2'],
      ],
    ],
    [[['a]b', '1']]],
    [[['[a]', '1']]],
    [[['a[b', '1']]],
    [[['a[b][c][d][e][f]', '1']]],
    [[['', '1']]],
  ] as [string, string][][][])('%j cannot be', fields => {
    expect(() => formFields(fields)).toThrow(/^The form has a field of the name/)
  })

  test('of prototypes are names like others', () => {
    const fields = formFields([['__proto__[a]', '1']])
    expect(Object.getOwnPropertyNames(fields)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>).a).toBeUndefined()
  })
})
