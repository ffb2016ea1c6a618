import { type CheckpointError, messageOf } from '../errors.ts'
import { parseHeader } from './parse-header.ts'
import type { SafetensorsFile, Stamped } from './tensor-location.ts'
import {
  corrupt,
  downloadAgain,
  type OpenWeightsFile,
  readFully,
  weightsKind,
  withWeightsFile,
} from './weights-file.ts'

/** The reference implementation's limit. A 14B checkpoint's header has 0.2 MB. */
const maxHeaderBytes = 100_000_000

/**
 * Reads and checks the header of a .safetensors file; the data is not read.
 * Nothing in the file is trusted: lengths, offsets, overlaps and gaps are checked against the size of the file.
 * @throws CheckpointError `checkpoint/not-found`, or `checkpoint/corrupt` that names the file and the tensor
 */
export function readSafetensorsHeader(path: string): Promise<SafetensorsFile & Stamped> {
  return withWeightsFile(path, async file => {
    const headerBytes = await readHeaderLength(file)
    const text = await readHeaderText(file, headerBytes)
    const header = { path: file.path, text, dataStart: 8 + headerBytes, fileBytes: file.bytes }
    return { ...parseHeader(header), stamp: file.stamp }
  })
}

async function readHeaderLength(file: OpenWeightsFile): Promise<number> {
  const start = Buffer.alloc(Math.min(file.bytes, 64))
  await readFully(file, start, 0)
  if (start.length < 8) {
    const got = start.length === 0 ? 'an empty file' : `${start.length} bytes`
    throw corrupt(file.path, {
      expected: `${weightsKind(file.path)} of at least 8 bytes`,
      got,
      advice: downloadAgain,
    })
  }
  const length = start.readBigUInt64LE(0)
  if (length > maxHeaderBytes) throw notSafetensors(file.path, start)
  const missing = 8 + Number(length) - file.bytes
  // The header of a file that was cut begins as every header does.
  if (missing > 0 && start.length > 8 && start.toString('latin1', 8, 9) !== '{') {
    throw notSafetensors(file.path, start)
  }
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

const chooseWeights = 'Check the path: weights are expected here.'
const errorPage = 'The download saved an error page: download the file again.'
const useSafetensors = 'Use the .safetensors weights.'

interface ForeignFormat {
  /** What it has from its byte `at` on. */
  readonly starts: readonly string[]
  readonly at?: number
  readonly what: string
  readonly advice: string
}

/** Formats by their first bytes. */
const foreignFormats: readonly ForeignFormat[] = [
  {
    starts: ['version https://git-lfs.github.com/'],
    what: 'a Git LFS pointer (the clone did not fetch the weights)',
    advice: 'Run `git lfs pull` in that folder, or download the file.',
  },
  { starts: ['PK\x03\x04'], what: 'a zip archive, as torch.save writes it', advice: useSafetensors },
  {
    starts: ['\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'],
    what: 'a file of Python’s pickle, as old versions of torch.save write it',
    advice: useSafetensors,
  },
  { starts: ['GGUF'], what: 'a GGUF file', advice: useSafetensors },
  { starts: ['\x93NUMPY'], what: 'a NumPy array', advice: useSafetensors },
  { starts: ['\x89HDF\r\n'], what: 'an HDF5 file', advice: useSafetensors },
  { starts: ['\x1f\x8b', '7z\xbc\xaf', 'Rar!'], what: 'an archive', advice: 'Unpack it first.' },
  { starts: ['\x89PNG', '\xff\xd8\xff', 'GIF8'], what: 'a picture', advice: chooseWeights },
  { starts: ['WEBP'], at: 8, what: 'a picture', advice: chooseWeights },
  { starts: ['ftyp'], at: 4, what: 'a video', advice: chooseWeights },
  { starts: ['<!', '<?', '<html'], what: 'a web page or XML', advice: errorPage },
  { starts: ['\x1aE\xdf\xa3'], what: 'a video', advice: chooseWeights },
]

const textFormats: readonly ForeignFormat[] = [
  { starts: ['<'], what: 'a web page or XML', advice: errorPage },
  { starts: ['{', '['], what: 'JSON', advice: chooseWeights },
  { starts: [''], what: 'text', advice: chooseWeights },
]

/** Other formats read as absurd header lengths: says what the file is, where its first bytes tell. */
function notSafetensors(path: string, start: Buffer): CheckpointError {
  const text = start.toString('latin1')
  const formats = /^[\t\r\n -~]+$/.test(text) ? [...foreignFormats, ...textFormats] : foreignFormats
  const foreign = formats.find(({ starts, at = 0 }) => starts.some(each => text.startsWith(each, at)))
  return corrupt(path, {
    expected: weightsKind(path),
    got: foreign?.what ?? 'bytes of another format, or damaged ones',
    advice: foreign?.advice ?? 'Check that it is the file that was meant; if it is, download it again.',
  })
}
