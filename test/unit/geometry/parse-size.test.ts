import { describe, expect, test } from 'vitest'
import { RequestError } from '../../../src/errors.ts'
import { parseSize } from '../../../src/geometry/parse-size.ts'

describe('parseSize', () => {
  test.each(['832x480', '832X480', '832×480', ' 832x480 '])('reads %j as width, then height', text => {
    expect(parseSize(text)).toEqual({ width: 832, height: 480 })
  })

  test.each([
    '',
    '832',
    '832x',
    'x480',
    '832 x 480',
    '832x480x3',
    '-832x480',
    '0x480',
    '8.5x4',
    '1e3x480',
    '9999999x1',
  ])('refuses %j', text => {
    expect(() => parseSize(text)).toThrow(RequestError)
    expect(() => parseSize(text)).toThrow(
      `size: expected WIDTHxHEIGHT in pixels, got ${JSON.stringify(text)}. For example 832x480.`,
    )
  })

  test('shortens what it refuses', () => {
    expect(() => parseSize('9'.repeat(1000))).toThrow(`got "${'9'.repeat(37)}...".`)
  })
})
