import { describe, expect, test } from 'vitest'
import { isJsonObject, type JsonValue, parseStrictJson } from '../../../src/weights/strict-json.ts'

/** The same value as JSON.parse gives it. */
function plain(value: JsonValue): unknown {
  if (isJsonObject(value)) return Object.fromEntries([...value].map(([key, member]) => [key, plain(member)]))
  return Array.isArray(value) ? value.map(plain) : value
}

describe('parseStrictJson', () => {
  test.each([
    '{}',
    '[]',
    ' { "a" : [ 1 , -2.5e-3 , 0 , 1E+2 ] , "b" : { "c" : null } } \n',
    '[true,false,null,"",{}]',
    '"\\u00fc\\n\\"\\\\ü𝄞"',
    '-0',
    '9007199254740991',
  ])('reads %s as the platform does', text => {
    expect(plain(parseStrictJson(text))).toEqual(JSON.parse(text))
  })

  test.each([
    '',
    '01',
    '1.',
    '.5',
    '+1',
    '1e',
    '0x10',
    '1_000',
    '-',
    'NaN',
    '-Infinity',
    'nul',
    'truex',
    'undefined',
    '"a',
    '"a\\"',
    '"\\x"',
    '"\n"',
    '{a:1}',
    '{"a"1}',
    '{"a":}',
    '{"a":1,}',
    '[1 2]',
    '[1,]',
    '[,1]',
    '[}',
    '1 2',
    '\u00a01',
  ])('refuses %j, as the platform does', text => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError)
    expect(() => parseStrictJson(text)).toThrow(SyntaxError)
  })

  test('refuses numbers of absurd length without much work', () => {
    expect(() => parseStrictJson('9'.repeat(5_000_000))).toThrow(SyntaxError)
  })

  test('refuses more values than any checkpoint has', () => {
    expect(() => parseStrictJson(`[${'0,'.repeat(2_000_000)}0]`)).toThrow('more than 2000000 values')
  })

  test('says what it met and where', () => {
    expect(() => parseStrictJson('{"a": NaN}')).toThrow('"NaN}" at character 6 where a value should be')
    expect(() => parseStrictJson('{"a": 1')).toThrow('the end at character 7 where "," or "}" should be')
  })
})
