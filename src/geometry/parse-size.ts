import { invalidRequest } from '../errors.ts'

/**
 * Reads a size such as `832x480`: width, then height, in pixels. Whether the model can make it is for `toLatent` to say.
 * @throws RequestError `request/invalid`
 */
export function parseSize(text: string): { readonly width: number; readonly height: number } {
  const [, width, height] = /^([1-9]\d{0,5})[xX×]([1-9]\d{0,5})$/.exec(text.trim()) ?? []
  if (width !== undefined && height !== undefined) return { width: Number(width), height: Number(height) }
  const got = JSON.stringify(text.length > 40 ? `${text.slice(0, 37)}...` : text)
  const expected = 'WIDTHxHEIGHT in pixels'
  throw invalidRequest('size', expected, got, 'For example 832x480.')
}
