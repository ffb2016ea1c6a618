/** Fields of a request whose values are files. */
export const fileFields: readonly string[] = [
  'image',
  'lastImage',
  'keyframes',
  'video',
  'mask',
  'references',
  'extend',
]
