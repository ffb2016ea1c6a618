import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { adapterArgument } from '../../../src/cli/arguments.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
const read = adapterArgument('--lora')

describe('an adapter on the command line', () => {
  test.each<[string, { path: string; scale?: number }]>([
    ['a.safetensors', { path: 'a.safetensors' }],
    ['a.safetensors:0.5', { path: 'a.safetensors', scale: 0.5 }],
    ['a.safetensors:-1', { path: 'a.safetensors', scale: -1 }],
    ['a.safetensors:1e0', { path: 'a.safetensors', scale: 1 }],
    ['a.safetensors:2.', { path: 'a.safetensors', scale: 2 }],
    ['my lora:v1', { path: 'my lora:v1' }],
    ['style:0.8.safetensors', { path: 'style:0.8.safetensors' }],
    ['style:0.8.safetensors:.25', { path: 'style:0.8.safetensors', scale: 0.25 }],
    ['C:\\loras\\a.safetensors', { path: 'C:\\loras\\a.safetensors' }],
    ['v1.5', { path: 'v1.5' }],
  ])('%s is read as %j', (text, expected) => {
    expect(read(text)).toEqual([expected])
  })

  test.each(['0,5', 'abc', '', '0.5x', 'NaN', '1e999', '0x1', ' 1'])(
    'with the scale "%s" is refused for it',
    scale => {
      expect(() => read(`a.SafeTensors:${scale}`)).toThrow(
        `--lora a.SafeTensors: expected a number as its scale after the colon, got ${JSON.stringify(scale)}.`,
      )
    },
  )

  test('whose file is there is told from one whose name has a colon', async () => {
    const plain = join(folder, 'v1')
    const colon = join(folder, 'v2:0.5')
    await writeFile(plain, '')
    await writeFile(colon, '')
    expect(() => read(`${plain}:0,5`)).toThrow('expected a number as its scale')
    expect(read(colon)).toEqual([{ path: colon }])
    expect(read(`${colon}:2`)).toEqual([{ path: colon, scale: 2 }])
  })

  test('without a name is refused', () => {
    for (const text of ['', ':0.5']) expect(() => read(text)).toThrow('--lora: expected FILE or FILE:SCALE')
  })
})
