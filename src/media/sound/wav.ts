import { interleaved, type Sound } from './sound.ts'

/** The format code of PCM in floats (Microsoft, "Multimedia Data Standards Update", 1994). */
const ieeeFloat = 3

const bytesPerSample = 4

/** A WAV file of 32-bit floats: the samples as they are. */
export function encodeWav(sound: Sound): Uint8Array {
  const data = interleaved(sound)
  const frameBytes = sound.channels * bytesPerSample
  const header = Buffer.alloc(58)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(header.length - 8 + data.byteLength, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(18, 16) // Bytes of the format chunk.
  header.writeUInt16LE(ieeeFloat, 20)
  header.writeUInt16LE(sound.channels, 22)
  header.writeUInt32LE(sound.rate, 24)
  header.writeUInt32LE(sound.rate * frameBytes, 28)
  header.writeUInt16LE(frameBytes, 32)
  header.writeUInt16LE(8 * bytesPerSample, 34)
  header.write('fact', 38, 'latin1')
  header.writeUInt32LE(4, 42) // Bytes of the fact chunk: the samples of a channel.
  header.writeUInt32LE(data.length / sound.channels, 46)
  header.write('data', 50, 'latin1')
  header.writeUInt32LE(data.byteLength, 54)
  return Buffer.concat([header, littleEndian(data)])
}

function littleEndian(data: Float32Array): Buffer {
  const bytes = Buffer.alloc(data.byteLength)
  for (const [index, value] of data.entries()) bytes.writeFloatLE(value, index * bytesPerSample)
  return bytes
}
