import { expect, test } from 'vitest'
import { withTensorRt } from '../../../src/cli/tensorrt-flag.ts'

test('what TensorRT is used for is part of the device', () => {
  expect(withTensorRt(undefined, undefined)).toBeUndefined()
  expect(withTensorRt('cuda:1', undefined)).toBe('cuda:1')
  expect(withTensorRt('tensorrt:1', 'decoder')).toBe('tensorrt:1')
  expect(withTensorRt('tensorrt', 'all')).toBe('tensorrt:all')
  expect(withTensorRt('tensorrt:0,tensorrt:1', 'all')).toBe('tensorrt:0:all,tensorrt:1:all')
})

test.each([undefined, 'cuda', 'tensorrt:0,cuda:1'])('--tensorrt beside --device %s is an error', device => {
  expect(() => withTensorRt(device, 'all')).toThrow(
    `--tensorrt: expected --device tensorrt or tensorrt:N beside it, got --device ${device ?? 'auto'}`,
  )
})
