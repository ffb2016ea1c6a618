import { expect, it } from 'vitest'
import { textFromXmp, textToXmp } from '../../../src/media/xmp.ts'

it('keeps any text', () => {
  const text = '{"prompt":"a < b && c > \'d\' &amp; 赤い 🎈\\n]]>"}'
  expect(textFromXmp(textToXmp(text))).toBe(text)
})

it('reads a packet that another program laid out and escaped in its own way', () => {
  const packet = `<rdf:Description>
    <dc:description>
      <rdf:Alt><rdf:li xml:lang='x-default'>&quot;caf&#233;&quot; &#x1F388; &apos;&unknown;</rdf:li></rdf:Alt>
    </dc:description></rdf:Description>`
  expect(textFromXmp(packet)).toBe('"café" 🎈 \'&unknown;')
})

it('finds nothing in a packet without a description', () => {
  expect(textFromXmp('<x:xmpmeta><dc:title>a</dc:title></x:xmpmeta>')).toBeUndefined()
})
