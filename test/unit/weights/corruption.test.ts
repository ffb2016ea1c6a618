import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CheckpointError } from '../../../src/errors.ts'
import { openWeights } from '../../../src/weights/checkpoint.ts'
import { readTensor } from '../../../src/weights/safetensors.ts'
import { scratchFolder } from '../../scratch.ts'
import { safetensorsBytes, smallData, smallFile } from './safetensors-bytes.ts'

const scratch = scratchFolder()

/** Numbers below `limit`, the same in every run (Numerical Recipes' linear congruential generator). */
function numbers(seed: number): (limit: number) => number {
  let state = seed >>> 0
  return limit => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** Pieces that mean something in a header, to be put where they do not belong. */
const tokens = [
  '{}[],:"\\ \0\n',
  'NaN',
  '-1',
  '1e999',
  '9007199254740993',
  '18446744073709551615',
  '"__proto__":{}',
  '"a":',
  '"F64"',
  '"BOOL"',
  '[0,0]',
  '[8,32]',
  'null',
  '\\ud800',
  '"data_offsets":[0,0],',
].flatMap(text => (text.startsWith('{}') ? [...text] : [text]))

type Damage = (bytes: Buffer, below: (limit: number) => number) => Buffer

/** Replaces `removed` bytes at a place by others. */
function splice(bytes: Buffer, at: number, removed: number, added: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)])
}

const damages: Readonly<Record<string, Damage>> = {
  'a flipped bit': (bytes, below) => {
    const at = below(bytes.length)
    return splice(bytes, at, 1, Buffer.of(bytes[at]! ^ (1 << below(8))))
  },
  'a random byte': (bytes, below) => splice(bytes, below(bytes.length), 1, Buffer.of(below(256))),
  'a digit that changes': (bytes, below) => {
    const digits = [...bytes.keys()].filter(at => at >= 8 && bytes[at]! >= 0x30 && bytes[at]! <= 0x39)
    return splice(bytes, digits[below(digits.length)]!, 1, Buffer.from(String(below(1000))))
  },
  'a cut': (bytes, below) => bytes.subarray(0, below(bytes.length)),
  'missing bytes': (bytes, below) => splice(bytes, below(bytes.length), 1 + below(20), Buffer.alloc(0)),
  'repeated bytes': (bytes, below) => {
    const [at, length] = [below(bytes.length), 1 + below(100)]
    return splice(bytes, at, 0, bytes.subarray(at, at + length))
  },
  'a token out of place': (bytes, below) => {
    const token = Buffer.from(tokens[below(tokens.length)]!)
    return splice(bytes, below(bytes.length), below(2) * token.length, token)
  },
  'noise behind a length': (_, below) => {
    const noise = Buffer.from(Array.from({ length: below(64) }, () => below(256)))
    return safetensorsBytes('', noise, BigInt(below(64)))
  },
}

/** Changes the stated length so that it fits a header that has grown or shrunk: damage then reaches the parser. */
function withFittingLength(bytes: Buffer): Buffer {
  const headerBytes = bytes.length - 8 - smallData.length
  if (headerBytes < 0) return bytes
  const fitting = Buffer.from(bytes)
  fitting.writeBigUInt64LE(BigInt(headerBytes), 0)
  return fitting
}

/** Opens the folder and reads all its tensors: true, or false when that is refused with the right error. */
async function opens(folder: string, what: string): Promise<boolean> {
  try {
    const weights = await openWeights(folder)
    for (const location of weights.tensors.values()) {
      const { data } = await readTensor(location)
      expect(data.byteLength, what).toBe(location.bytes)
    }
    return true
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw new Error(what, { cause: error })
    expect(error.message.length, what).toBeLessThan(2_000)
    return false
  }
}

const rounds = 100

describe('a damaged file', () => {
  test.each(Object.entries(damages))(
    'with %s is read within its bounds or refused as a checkpoint',
    async (name, damage) => {
      const below = numbers(name.length)
      const folder = join(scratch, name)
      mkdirSync(folder)
      const outcomes = { read: 0, refused: 0 }
      for (let round = 0; round < rounds; round++) {
        const damaged = damage(smallFile, below)
        for (const bytes of [damaged, withFittingLength(damaged)]) {
          writeFileSync(join(folder, 'model.safetensors'), bytes)
          const opened = await opens(folder, `${name}, round ${round}: ${bytes.toString('base64')}`)
          outcomes[opened ? 'read' : 'refused']++
        }
      }
      expect(outcomes.refused).toBeGreaterThan(rounds / 4)
    },
  )

  test.each(Object.entries(damages))(
    'with %s in its index is read or refused as a checkpoint',
    async (name, damage) => {
      const below = numbers(name.length + 100)
      const folder = join(scratch, `index ${name}`)
      mkdirSync(folder)
      writeFileSync(join(folder, 'model-00001-of-00001.safetensors'), smallFile)
      const keys = ['a', 'b', 'c'].map(key => [key, 'model-00001-of-00001.safetensors'])
      const index = Buffer.from(JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(keys) }))
      let refused = 0
      for (let round = 0; round < rounds; round++) {
        const bytes = damage(index, below)
        writeFileSync(join(folder, 'model.safetensors.index.json'), bytes)
        if (!(await opens(folder, `${name}, round ${round}: ${bytes.toString('base64')}`))) refused++
      }
      expect(refused).toBeGreaterThan(rounds / 4)
      rmSync(folder, { recursive: true })
    },
  )
})
