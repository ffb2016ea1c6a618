import { CheckpointError, messageOf } from '../errors.ts'
import { bytesPerElement, type DType } from '../tensor/dtype.ts'
import { dtypeNamed, safetensorsNames } from './dtype-names.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson, quoted } from './strict-json.ts'
import type { SafetensorsFile, TensorLocation } from './tensor-location.ts'
import { corrupt, downloadAgain } from './weights-file.ts'

/** The parts of a .safetensors file that its header is checked against. */
export interface HeaderSource {
  /** Real path of the file. */
  readonly path: string
  /** The JSON header. */
  readonly text: string
  /** Where the data begins: 8 + the header's bytes. */
  readonly dataStart: number
  readonly fileBytes: number
}

/** Dimensions of one tensor; torch has the same limit. */
const maxRank = 64

/**
 * Checks a .safetensors header and locates its tensors.
 * @throws CheckpointError `checkpoint/corrupt` that names the file and the tensor
 */
export function parseHeader(source: HeaderSource): SafetensorsFile {
  const tensors = new Map<string, TensorLocation>()
  let metadata: ReadonlyMap<string, string> = new Map()
  for (const [key, value] of parseObject(source)) {
    if (key === '__metadata__') metadata = parseMetadata(source, value)
    else tensors.set(key, parseTensor(source, key, value))
  }
  checkLayout(source, [...tensors.values()])
  return { path: source.path, bytes: source.fileBytes, tensors, metadata }
}

function parseObject({ path, text }: HeaderSource): JsonObject {
  const expected = 'a JSON object as its header'
  if (!text.startsWith('{'))
    throw corrupt(path, { expected, got: text === '' ? 'nothing' : quoted(text), advice: downloadAgain })
  let header: JsonValue
  try {
    header = parseStrictJson(text)
  } catch (cause) {
    throw corrupt(path, { expected, got: messageOf(cause), advice: downloadAgain }, cause)
  }
  return header as JsonObject // The text starts with '{'.
}

function parseMetadata({ path }: HeaderSource, value: JsonValue): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>()
  const subject = `${path}: __metadata__`
  if (!isJsonObject(value)) throw corrupt(subject, { expected: 'an object of strings', got: describe(value) })
  for (const [name, text] of value) {
    if (typeof text !== 'string') {
      throw corrupt(`${subject}[${quoted(name)}]`, { expected: 'a string', got: describe(text) })
    }
    metadata.set(name, text)
  }
  return metadata
}

const fields = ['dtype', 'shape', 'data_offsets'] as const

function parseTensor(source: HeaderSource, key: string, value: JsonValue): TensorLocation {
  const subject = `${source.path}: ${quoted(key)}`
  if (!isJsonObject(value)) {
    throw corrupt(subject, { expected: `an object with ${fields.join(', ')}`, got: describe(value) })
  }
  const extra = [...value.keys()].find(name => !(fields as readonly string[]).includes(name))
  if (extra !== undefined)
    throw corrupt(subject, { expected: `only ${fields.join(', ')}`, got: quoted(extra) })
  const dtype = parseDType(subject, value.get('dtype'))
  const shape = parseShape(subject, value.get('shape'))
  const bytes = tensorBytes(subject, dtype, shape)
  const begin = parseRange(subject, value.get('data_offsets'), bytes, `${dtype} [${shape.join(', ')}]`)
  return { key, dtype, shape, file: source.path, offset: source.dataStart + begin, bytes }
}

/** Dtypes of the format that only quantised weights have. */
const quantizedDTypes = new Map([
  ['F4', 'NVFP4 or MXFP4'],
  ['F6_E2M3', 'MXFP6'],
  ['F6_E3M2', 'MXFP6'],
])

function parseDType(subject: string, value: JsonValue | undefined): DType {
  const dtype = typeof value === 'string' ? dtypeNamed(value) : undefined
  if (dtype !== undefined) return dtype
  const quantized = typeof value === 'string' ? quantizedDTypes.get(value) : undefined
  if (quantized !== undefined) {
    throw new CheckpointError('checkpoint/tensors', {
      subject,
      expected: 'plain floats or whole numbers',
      got: `${value}, of ${quantized} weights`,
      advice: 'Use the weights that were not quantised.',
    })
  }
  const expected = `one of ${Object.values(safetensorsNames).join(', ')}`
  throw corrupt(`${subject}.dtype`, { expected, got: describe(value) })
}

function parseShape(subject: string, value: JsonValue | undefined): readonly number[] {
  if (!isIntegers(value) || value.length > maxRank) {
    const expected = `a list of at most ${maxRank} non-negative integers`
    throw corrupt(`${subject}.shape`, { expected, got: describe(value) })
  }
  return value
}

/** Bytes of the dense tensor; every partial product has to stay an exact integer. */
function tensorBytes(subject: string, dtype: DType, shape: readonly number[]): number {
  let bytes = bytesPerElement(dtype)
  for (const dim of shape) {
    bytes *= dim
    if (!Number.isSafeInteger(bytes)) {
      throw corrupt(`${subject}.shape`, {
        expected: 'fewer than 2^53 bytes',
        got: `${dtype} ${describe(shape)}`,
      })
    }
  }
  return bytes
}

/** Checks a byte range within the data and returns its begin. */
function parseRange(subject: string, value: JsonValue | undefined, bytes: number, what: string): number {
  const name = `${subject}.data_offsets`
  const [begin, end] = isIntegers(value) ? value : []
  if (!isIntegers(value) || value.length !== 2 || begin === undefined || end === undefined) {
    throw corrupt(name, { expected: '[begin, end] as non-negative integers', got: describe(value) })
  }
  if (begin > end) throw corrupt(name, { expected: 'begin ≤ end', got: describe(value) })
  if (end - begin !== bytes) {
    throw corrupt(name, {
      expected: `${bytes} bytes for ${what}`,
      got: `${end - begin} bytes: ${describe(value)}`,
    })
  }
  return begin
}

/** The tensors have to fill the data without gaps, overlaps or a rest, as the reference implementation demands. */
function checkLayout({ path, dataStart, fileBytes }: HeaderSource, tensors: TensorLocation[]): void {
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  const dataEnd = tensors.reduce((end, { offset, bytes }) => Math.max(end, offset + bytes), dataStart)
  if (dataEnd > fileBytes) {
    const got = `${fileBytes} bytes: ${dataEnd - fileBytes} bytes are missing`
    throw corrupt(path, { expected: `a file of ${dataEnd} bytes`, got, advice: downloadAgain })
  }
  let end = dataStart
  for (const { key, offset, bytes } of tensors) {
    if (offset !== end) {
      const got = `${offset - dataStart}: ${offset < end ? 'tensors overlap' : 'bytes that belong to no tensor'}`
      throw corrupt(`${path}: ${quoted(key)}.data_offsets`, { expected: `begin ${end - dataStart}`, got })
    }
    end = offset + bytes
  }
  if (end !== fileBytes) {
    const got = `${fileBytes} bytes: ${fileBytes - end} bytes after the last tensor`
    throw corrupt(path, { expected: `a file of ${end} bytes`, got, advice: downloadAgain })
  }
}

function isIntegers(value: JsonValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every(item => Number.isSafeInteger(item) && item >= 0)
}

/** A value of the header as it may stand in a message. */
function describe(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (isJsonObject(value)) return 'an object'
  if (typeof value === 'string') return quoted(value)
  if (!Array.isArray(value)) return String(value)
  const items = value.slice(0, 8).map(item => (Array.isArray(item) ? '[…]' : describe(item)))
  return `[${items.join(', ')}${value.length > items.length ? ', …' : ''}]`
}
