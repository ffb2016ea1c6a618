/**
 * The GGUF format, versions 2 and 3: a header of values and tensors, then the tensors at aligned offsets.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { CheckpointError } from '../../../errors.ts'
import { bytesPerElement, type DType, elementCount } from '../../../tensor/dtype.ts'
import type { Stamped, TensorLocation } from '../../tensor-location.ts'
import { corrupt, downloadAgain, type OpenWeightsFile, withWeightsFile } from '../../weights-file.ts'
import { blockTypes } from './block-types.ts'
import { blockTensor } from './gguf-tensors.ts'
import { GgufReader, type GgufValue } from './gguf-values.ts'

/** What the header of a GGUF file says. */
export interface GgufFile extends Stamped {
  /** Real path. */
  readonly path: string
  readonly bytes: number
  readonly tensors: ReadonlyMap<string, TensorLocation>
  readonly values: ReadonlyMap<string, GgufValue>
}

const dense: ReadonlyMap<number, DType> = new Map([
  [0, 'f32'],
  [1, 'f16'],
  [24, 'i8'],
  [25, 'i16'],
  [26, 'i32'],
  [27, 'i64'],
  [28, 'f64'],
  [30, 'bf16'],
])

/** Types of GGML that are not read, by their number, so that an error can name them. */
const foreign: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  21: 'IQ3_S',
  22: 'IQ2_S',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
}

/** PyTorch tensors of video models have up to five. */
const maxRank = 8

interface Entry {
  readonly key: string
  readonly shape: readonly number[]
  readonly type: number
  /** From the start of the data. */
  readonly offset: number
}

/**
 * Reads and checks the header of a GGUF file; the data is not read.
 * @throws CheckpointError `checkpoint/corrupt` for a malformed file, `checkpoint/tensors` for a type that is not read
 */
export function readGguf(path: string): Promise<GgufFile> {
  return withWeightsFile(path, async file => {
    const reader = new GgufReader(file)
    await checkStart(reader)
    // A tensor takes at least 24 bytes of the header, a value 13.
    const tensorCount = await reader.count('a number of tensors', 24)
    const valueCount = await reader.count('a number of values', 13)
    const values = await readValues(reader, valueCount)
    const entries = await readEntries(reader, tensorCount, values)
    const alignment = alignmentOf(reader, values)
    const dataStart = Math.ceil(reader.position / alignment) * alignment
    const located = entries.map(entry => locate(entry, file, dataStart, alignment))
    checkOverlaps(file.path, located)
    return {
      path: file.path,
      bytes: file.bytes,
      stamp: file.stamp,
      values,
      tensors: new Map(located.map(each => [each.key, each])),
    }
  })
}

async function checkStart(reader: GgufReader): Promise<void> {
  const magic = (await reader.bytes(4, 'GGUF')).toString('latin1')
  if (magic !== 'GGUF') throw reader.wrong('a file that begins with GGUF', JSON.stringify(magic))
  const version = await reader.u32('a version')
  if (version === 2 || version === 3) return
  const swapped = version > 0xffff
  throw reader.wrong('version 2 or 3', swapped ? 'a file in big-endian order' : String(version))
}

async function readValues(reader: GgufReader, count: number): Promise<Map<string, GgufValue>> {
  const values = new Map<string, GgufValue>()
  for (let index = 0; index < count; index++) {
    const key = await reader.text('the key of a value')
    if (values.has(key)) throw reader.wrong('keys that differ', `${quote(key)} twice`)
    values.set(key, await reader.value(key, await reader.u32(`the type of ${quote(key)}`)))
  }
  return values
}

async function readEntries(
  reader: GgufReader,
  count: number,
  values: ReadonlyMap<string, GgufValue>,
): Promise<Entry[]> {
  const entries = new Map<string, Entry>()
  for (let index = 0; index < count; index++) {
    const key = await reader.text('the name of a tensor')
    if (entries.has(key)) throw reader.wrong('tensors of different names', `${quote(key)} twice`)
    const rank = await reader.u32(`the rank of ${quote(key)}`)
    if (rank > maxRank) throw reader.wrong(`a rank of ${quote(key)} up to ${maxRank}`, String(rank))
    const dims: number[] = []
    for (let axis = 0; axis < rank; axis++) dims.push(dimOf(reader, key, await reader.u64('a dimension')))
    const type = await reader.u32(`the type of ${quote(key)}`)
    const offset = await reader.u64(`the offset of ${quote(key)}`)
    // The fastest axis comes first.
    const shape = originalShape(reader, key, dims.reverse(), values)
    if (offset > BigInt(reader.file.bytes))
      throw reader.wrong(`an offset of ${quote(key)} in the file`, `${offset}`)
    entries.set(key, { key, shape, type, offset: Number(offset) })
  }
  return [...entries.values()]
}

function dimOf(reader: GgufReader, key: string, dim: bigint): number {
  // No element takes less than a quarter of a byte.
  if (dim > 0n && dim <= BigInt(reader.file.bytes) * 4n) return Number(dim)
  throw reader.wrong(`dimensions of ${quote(key)} that fit in the file`, String(dim))
}

/** A shape that was flattened when the file was written is kept in a value. */
function originalShape(
  reader: GgufReader,
  key: string,
  stored: readonly number[],
  values: ReadonlyMap<string, GgufValue>,
): readonly number[] {
  const original = values.get(`comfy.gguf.orig_shape.${key}`)
  if (original === undefined) return stored
  const shape = Array.isArray(original) ? original.map(Number) : []
  const whole = shape.length > 0 && shape.every(dim => Number.isSafeInteger(dim) && dim > 0)
  if (whole && elementCount(shape) === elementCount(stored)) return shape
  throw reader.wrong(`an original shape of ${elementCount(stored)} elements for ${quote(key)}`, `[${shape}]`)
}

function alignmentOf(reader: GgufReader, values: ReadonlyMap<string, GgufValue>): number {
  const alignment = values.get('general.alignment') ?? 32
  if (typeof alignment === 'number' && alignment >= 1 && alignment <= 65_536 && Number.isInteger(alignment)) {
    return alignment
  }
  throw reader.wrong('a general.alignment from 1 to 65536', String(alignment))
}

function locate(entry: Entry, file: OpenWeightsFile, dataStart: number, alignment: number): TensorLocation {
  const { key, shape, type } = entry
  const subject = `${file.path}: ${quote(key)}`
  const elements = elementCount(shape)
  const block = blockTypes.get(type)
  const dtype = dense.get(type)
  if (!block && !dtype) throw unknownType(subject, type)
  const width = shape.at(-1) ?? 1
  if (block && width % block.elements !== 0) {
    const expected = `rows of whole ${block.name} blocks of ${block.elements}`
    throw corrupt(subject, { expected, got: `rows of ${width}` })
  }
  const bytes = block ? (elements / block.elements) * block.bytes : elements * bytesPerElement(dtype!)
  const offset = dataStart + entry.offset
  if (entry.offset % alignment !== 0) {
    throw corrupt(subject, { expected: `an offset that ${alignment} divides`, got: String(entry.offset) })
  }
  if (!Number.isSafeInteger(bytes) || offset + bytes > file.bytes) {
    const expected = `${bytes} bytes from byte ${offset} on`
    throw corrupt(subject, { expected, got: `a file of ${file.bytes} bytes`, advice: downloadAgain })
  }
  const location = { key, shape, file: file.path, offset, bytes }
  return block ? blockTensor(location, block) : { ...location, dtype: dtype! }
}

function unknownType(subject: string, type: number): CheckpointError {
  const known = [...blockTypes.values()].map(({ name }) => name).join(', ')
  return new CheckpointError('checkpoint/tensors', {
    subject,
    expected: `a type of F32, F16, BF16, ${known}`,
    got: foreign[type] ?? `type ${type}`,
    advice: 'Use another file of the same model, such as its Q4_K_M or Q8_0.',
  })
}

function checkOverlaps(path: string, tensors: readonly TensorLocation[]): void {
  const sorted = [...tensors].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  let end = 0
  for (const { key, offset, bytes } of sorted) {
    if (offset < end) {
      throw corrupt(`${path}: ${quote(key)}`, {
        expected: `an offset from ${end} on`,
        got: `${offset}: tensors overlap`,
      })
    }
    end = offset + bytes
  }
}

function quote(key: string): string {
  return JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}…` : key)
}
