import { expect, test } from 'vitest'
import { isDataUri, readDataUri } from '../../../src/server/assets/data-uri.ts'

const bytes = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0xff, 0xfe, 0x00, 0x25, 0x2c])
const base64 = bytes.toString('base64')
const percents = [...bytes].map(byte => `%${byte.toString(16).padStart(2, '0')}`).join('')
const lines = base64.replace(/.{4}/g, '$&\r\n')

test.each([
  ['as usual', `data:image/png;base64,${base64}`],
  ['in capitals', `DATA:IMAGE/PNG;BASE64,${base64}`],
  ['in lines', `data:image/png;base64,${lines}`],
  ['with spaces around', `\n data:image/png;base64, ${base64} \n`],
  ['with tabs inside', `data:image/png;base64,${base64.slice(0, 5)}\t${base64.slice(5)}`],
  ['with percents for lines', `data:image/png;base64,${encodeURIComponent(lines)}`],
  ['with percents for signs', `data:image/png;base64,${encodeURIComponent(base64)}`],
  ['with parameters', `data:image/png;charset=utf-8;name="a b.png";base64,${base64}`],
  ['without padding', `data:image/png;base64,${base64.replace(/=+$/, '')}`],
  ['of the alphabet for URLs', `data:image/png;base64,${bytes.toString('base64url')}`],
  ['as percents alone', `data:image/png,${percents}`],
])('a data URI is read: %s', (_, uri) => {
  expect(isDataUri(uri)).toBe(true)
  expect(readDataUri(uri)).toEqual({ type: 'image/png', bytes })
})

test.each([
  ['no comma', 'data:image/png;base64'],
  ['nothing', 'data:image/png;base64,'],
  ['other characters', 'data:image/png;base64,a!b?'],
  ['padding inside', 'data:image/png;base64,aa==bb'],
  ['half a percent', 'data:image/png,%8'],
  ['another scheme', 'https://example.com/a.png'],
])('a text that is none is not: %s', (_, uri) => {
  expect(readDataUri(uri)).toBeUndefined()
})
