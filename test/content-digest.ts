import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import path from 'node:path'
import type { GraphModel } from '../src/runtime/backend.ts'

/** Numbers of ModelProto.graph, GraphProto.initializer and TensorProto.external_data in onnx.proto3. */
const externalData = [7, 5, 13]

/** Names what a model computes: its graph and the values of its weights, whichever files those are in. */
export function contentDigest({ bytes, weightsFolder }: GraphModel): string {
  const hash = createHash('sha1')
  const files = new Map<string, number>()
  let place: Record<string, string> = {}
  const read = (entry: Buffer) => {
    const [key, value] = [...fieldsOf(entry)].map(({ from, end }) => entry.toString('utf8', from, end))
    place[key!] = value!
    if (Object.keys(place).length < 3) return
    const file = files.get(place.location!) ?? openSync(path.resolve(weightsFolder, place.location!), 'r')
    files.set(place.location!, file)
    const values = Buffer.alloc(Number(place.length))
    readSync(file, values, 0, values.length, Number(place.offset))
    hash.update(values)
    place = {}
  }
  try {
    hashAround(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), externalData, hash, read)
  } finally {
    for (const file of files.values()) closeSync(file)
  }
  return hash.digest('hex')
}

/** Hashes a message but for the fields at the end of a path, and for the lengths of those that they are in. */
function hashAround(
  message: Buffer,
  [number, ...inner]: readonly number[],
  hash: Hash,
  read: (field: Buffer) => void,
): void {
  let hashed = 0
  for (const field of fieldsOf(message)) {
    if (field.number !== number) continue
    hash.update(message.subarray(hashed, field.start))
    const value = message.subarray(field.from, field.end)
    if (inner.length > 0) hashAround(value, inner, hash, read)
    else read(value)
    hashed = field.end
  }
  hash.update(message.subarray(hashed))
}

interface Field {
  readonly number: number
  /** Where its tag is, in bytes. */
  readonly start: number
  /** Where its value is. */
  readonly from: number
  readonly end: number
}

/** The fields of a message in protobuf's encoding. */
function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const start = at
    const tag = varint()
    // Of the wire types, 0 is a varint, 1 eight bytes, 5 four bytes and 2 a length with so many bytes.
    const type = tag % 8
    const bytes = type === 2 ? varint() : type === 5 ? 4 : type === 1 ? 8 : 0
    const from = at
    if (type === 0) varint()
    at += bytes
    yield { number: Math.floor(tag / 8), start, from, end: at }
  }
}
