import { type CheckpointError, messageOf } from '../errors.ts'
import { parseHeader } from './parse-header.ts'
import type { SafetensorsFile } from './tensor-location.ts'
import { corrupt, downloadAgain, type OpenWeightsFile, readFully, withWeightsFile } from './weights-file.ts'

/** The reference implementation's limit. A 14B checkpoint's header has 0.2 MB. */
const maxHeaderBytes = 100_000_000

/**
 * Reads and checks the header of a .safetensors file; the data is not read.
 * Nothing in the file is trusted: lengths, offsets, overlaps and gaps are checked against the size of the file.
 * @throws CheckpointError `checkpoint/not-found`, or `checkpoint/corrupt` that names the file and the tensor
 */
export function readSafetensorsHeader(path: string): Promise<SafetensorsFile> {
  return withWeightsFile(path, async file => {
    const headerBytes = await readHeaderLength(file)
    const text = await readHeaderText(file, headerBytes)
    return parseHeader({ path: file.path, text, dataStart: 8 + headerBytes, fileBytes: file.bytes })
  })
}

async function readHeaderLength(file: OpenWeightsFile): Promise<number> {
  const start = Buffer.alloc(Math.min(file.bytes, 64))
  await readFully(file, start, 0)
  if (start.length < 8) {
    const got = start.length === 0 ? 'an empty file' : `${start.length} bytes`
    throw corrupt(file.path, {
      expected: 'a .safetensors file of at least 8 bytes',
      got,
      advice: downloadAgain,
    })
  }
  const length = start.readBigUInt64LE(0)
  if (length > maxHeaderBytes) throw notSafetensors(file.path, start, length)
  const missing = 8 + Number(length) - file.bytes
  if (missing > 0) {
    const got = `a file of ${file.bytes} bytes that ends ${missing} bytes before that`
    throw corrupt(file.path, { expected: `a header of ${length} bytes`, got, advice: downloadAgain })
  }
  return Number(length)
}

async function readHeaderText(file: OpenWeightsFile, headerBytes: number): Promise<string> {
  const bytes = new Uint8Array(headerBytes)
  await readFully(file, bytes, 8)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw corrupt(file.path, { expected: 'a header in UTF-8', got: messageOf(cause) }, cause)
  }
}

const foreignFormats = [
  {
    prefix: 'version https://git-lfs.github.com/',
    what: 'a Git LFS pointer (the clone did not fetch the weights)',
    advice: 'Run `git lfs pull` in that folder, or download the file.',
  },
  {
    prefix: 'PK\x03\x04',
    what: 'a zip archive, as torch.save writes it',
    advice: 'Use the .safetensors weights.',
  },
  { prefix: 'GGUF', what: 'a GGUF file', advice: 'Use the .safetensors weights.' },
  {
    prefix: '<',
    what: 'a web page or XML',
    advice: 'The download saved an error page: download the file again.',
  },
] as const

/** Text and other formats read as absurd header lengths: says what the file is where its first bytes tell. */
function notSafetensors(path: string, start: Buffer, length: bigint): CheckpointError {
  const text = start.toString('latin1')
  const foreign = foreignFormats.find(({ prefix }) => text.startsWith(prefix))
  if (foreign === undefined) {
    return corrupt(path, { expected: `a header of at most ${maxHeaderBytes} bytes`, got: `${length} bytes` })
  }
  return corrupt(path, { expected: 'a .safetensors file', got: foreign.what, advice: foreign.advice })
}
