/** What every session backend promises. A backend's test calls it with a way to make one. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BackendError } from '../../src/errors.ts'
import type { Backend, GraphModel, Session } from '../../src/runtime/backend.ts'
import { float32Data, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { model, slow, sum, twoOutputs, weighted } from './backend-graphs.ts'

const x = tensor('f32', [2, 2], Float32Array.of(1, 2, 3, 4))
const slowInput = tensor('f32', [384, 384], new Float32Array(384 * 384).fill(3))

export function backendContract(createBackend: () => Backend): void {
  let backend: Backend
  beforeAll(() => {
    backend = createBackend()
  })
  afterAll(() => backend[Symbol.asyncDispose]())

  async function withSession<T>(graph: GraphModel, body: (session: Session) => Promise<T>): Promise<T> {
    const session = await backend.open(graph)
    try {
      return await body(session)
    } finally {
      await session.release()
    }
  }

  describe('a run', () => {
    test('gives every output, as tensors of the host', async () => {
      await withSession(twoOutputs, async session => {
        const { tensors, residents } = await session.run({ x })
        expect(numbers(tensors.y)).toEqual([2, 3, 4, 5])
        expect(numbers(tensors.double)).toEqual([2, 4, 6, 8])
        expect(tensors.y).toMatchObject({ dtype: 'f32', shape: [2, 2] })
        expect(residents).toEqual({})
      })
    })

    test('gives the outputs that were asked for, and no other', async () => {
      await withSession(twoOutputs, async session => {
        const { tensors } = await session.run({ x }, { fetch: ['double'] })
        expect(Object.keys(tensors)).toEqual(['double'])
      })
    })

    test('takes other sizes where the graph has a symbol', async () => {
      await withSession(twoOutputs, async session => {
        for (const rows of [1, 3]) {
          const { tensors } = await session.run({ x: tensor('f32', [rows, 2], new Float32Array(2 * rows)) })
          expect(tensors.y!.shape).toEqual([rows, 2])
        }
      })
    })

    test('leaves what it was fed as it was, and earlier results too', async () => {
      await withSession(twoOutputs, async session => {
        const first = await session.run({ x })
        await session.run({ x: tensor('f32', [2, 2], Float32Array.of(9, 9, 9, 9)) })
        expect([...x.data]).toEqual([1, 2, 3, 4])
        expect(numbers(first.tensors.y)).toEqual([2, 3, 4, 5])
      })
    })

    test.each<[string, Tensor]>([
      ['f32', tensor('f32', [3], Float32Array.of(0.5, -1, 1e30))],
      ['f16', tensor('f16', [3], Uint16Array.of(0x3c00, 0xbc00, 0x7bff))],
      ['i64', tensor('i64', [3], BigInt64Array.of(1n, -1n, 2n ** 62n))],
      ['i32', tensor('i32', [3], Int32Array.of(1, -1, 2 ** 30))],
      ['u8', tensor('u8', [3], Uint8Array.of(0, 127, 255))],
      ['bool', tensor('bool', [3], Uint8Array.of(1, 0, 1))],
    ])('carries %s in and out', async (_, value) => {
      const same = model('same', graph => graph.output('y', graph.input('x', value.dtype, ['n'])))
      await withSession(same, async session => {
        const { tensors } = await session.run({ x: value })
        expect(tensors.y!.dtype).toBe(value.dtype)
        expect([...tensors.y!.data]).toEqual([...value.data])
      })
    })

    test('takes a part of a larger buffer for what it shows', async () => {
      await withSession(twoOutputs, async session => {
        const part = Float32Array.of(0, 0, 1, 2, 3, 4, 0).subarray(2, 6)
        const { tensors } = await session.run({ x: tensor('f32', [2, 2], part) })
        expect(numbers(tensors.y)).toEqual([2, 3, 4, 5])
      })
    })
  })

  describe('external weights', () => {
    test('are read from their file, relative to the folder', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'framewright-backend-'))
      writeFileSync(join(folder, 'weights.bin'), Buffer.concat([Buffer.alloc(5), bytesOf(10, 20)]))
      try {
        await withSession(weighted(folder), async session => {
          const { tensors } = await session.run({ x })
          expect(numbers(tensors.y)).toEqual([11, 22, 13, 24])
        })
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    test('that are not there are an error', async () => {
      await expect(backend.open(weighted('/nowhere'))).rejects.toBeInstanceOf(BackendError)
    })
  })

  describe('resident tensors', () => {
    test('stay where they are, say what they are, and feed other sessions', async () => {
      await withSession(twoOutputs, async first => {
        const { tensors, residents } = await first.run({ x }, { keep: output => output === 'y' })
        expect(Object.keys(tensors)).toEqual(['double'])
        expect(residents.y).toMatchObject({ kind: 'resident', dtype: 'f32', shape: [2, 2] })
        await withSession(sum, async second => {
          const feeds = { a: residents.y!, b: x }
          expect(numbers((await second.run(feeds)).tensors.sum)).toEqual([3, 5, 7, 9])
          expect(numbers((await second.run({ a: residents.y!, b: residents.y! })).tensors.sum)).toEqual([
            4, 6, 8, 10,
          ])
        })
        await backend.drop(Object.values(residents))
      })
    })

    test('outlive the session that made them', async () => {
      const { residents } = await withSession(twoOutputs, session => session.run({ x }, { keep: () => true }))
      await withSession(sum, async session => {
        const { tensors } = await session.run({ a: residents.y!, b: residents.double! })
        expect(numbers(tensors.sum)).toEqual([4, 7, 10, 13])
      })
      await backend.drop(Object.values(residents))
    })

    test('are gone when they are dropped', async () => {
      const { residents } = await withSession(twoOutputs, session => session.run({ x }, { keep: () => true }))
      await backend.drop([residents.y!])
      await withSession(sum, async session => {
        const gone = session.run({ a: residents.y!, b: x })
        await expect(gone).rejects.toBeInstanceOf(BackendError)
        const { tensors } = await session.run({ a: residents.double!, b: x })
        expect(numbers(tensors.sum)).toEqual([3, 6, 9, 12])
      })
      await backend.drop([residents.y!, residents.double!])
      await backend.drop([])
    })
  })

  describe('what is wrong', () => {
    test.each<[string, Record<string, Tensor>, RegExp]>([
      ['an input that is missing', { a: x }, /^sum: expected inputs a, b, got no b\.$/],
      ['an input that is unknown', { a: x, b: x, c: x }, /^sum: expected inputs a, b, got unknown c\.$/],
      [
        'one missing and one unknown',
        { a: x, c: x },
        /^sum: expected inputs a, b, got no b and unknown c\.$/,
      ],
      [
        'another dtype',
        { a: x, b: tensor('i64', [2, 2], new BigInt64Array(4)) },
        /^sum: expected a run without error/,
      ],
      [
        'another rank',
        { a: x, b: tensor('f32', [4], new Float32Array(4)) },
        /^sum: expected a run without error/,
      ],
      [
        'another size',
        { a: x, b: tensor('f32', [2, 3], new Float32Array(6)) },
        /^sum: expected a run without error/,
      ],
    ])('%s is an error that names the graph', async (_, feeds, message) => {
      await withSession(sum, async session => {
        const error = await session.run(feeds).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        expect(error).toBeInstanceOf(BackendError)
        expect(error).toMatchObject({ code: 'runtime/session', message: expect.stringMatching(message) })
        // The session goes on.
        expect(numbers((await session.run({ a: x, b: x })).tensors.sum)).toEqual([2, 4, 6, 8])
      })
    })

    test('an output that the graph does not have is an error', async () => {
      await withSession(sum, async session => {
        await expect(session.run({ a: x, b: x }, { fetch: ['difference'] })).rejects.toBeInstanceOf(
          BackendError,
        )
      })
    })

    test('bytes that are no graph are an error that names it', async () => {
      const broken = { name: 'broken', bytes: new Uint8Array([1, 2, 3]), weightsFolder: '/', weightBytes: 0 }
      await expect(backend.open(broken)).rejects.toThrow(/^broken: expected a graph that loads, got /)
      await expect(backend.open(broken)).rejects.toBeInstanceOf(BackendError)
    })

    test('a session that was released does not run', async () => {
      const session = await backend.open(sum)
      await session.release()
      await session.release()
      await expect(session.run({ a: x, b: x })).rejects.toBeInstanceOf(BackendError)
    })
  })

  describe('runs at one time', () => {
    test('follow each other in the order they were asked for', async () => {
      const [long, short] = [await backend.open(slow), await backend.open(sum)]
      const ended: string[] = []
      const note = (name: string) => () => ended.push(name)
      await Promise.all([
        long.run({ x: slowInput }).then(note('slow 1')),
        short.run({ a: x, b: x }).then(note('sum 1')),
        long.run({ x: slowInput }).then(note('slow 2')),
        short.run({ a: x, b: x }).then(note('sum 2')),
      ])
      expect(ended).toEqual(['slow 1', 'sum 1', 'slow 2', 'sum 2'])
      await Promise.all([long.release(), short.release()])
    })

    test('leave the thread that asked for them free', async () => {
      await withSession(slow, async session => {
        let ticks = 0
        const timer = setInterval(() => ticks++, 1)
        const started = performance.now()
        await session.run({ x: slowInput })
        const elapsedMs = performance.now() - started
        clearInterval(timer)
        expect(elapsedMs).toBeGreaterThan(5)
        expect(ticks).toBeGreaterThan(elapsedMs / 50)
      })
    })
  })

  describe('disposal', () => {
    test('waits for the run that is under way', async () => {
      const own = createBackend()
      const session = await own.open(slow)
      const running = session.run({ x: slowInput })
      const [{ tensors }] = await Promise.all([running, own[Symbol.asyncDispose]()])
      expect(tensors.y!.data[0]).toBeCloseTo(3, 3)
    })

    test('ends it: nothing runs or opens afterwards', async () => {
      const own = createBackend()
      const session = await own.open(sum)
      await own[Symbol.asyncDispose]()
      await expect(session.run({ a: x, b: x })).rejects.toBeInstanceOf(BackendError)
      await expect(own.open(sum)).rejects.toBeInstanceOf(BackendError)
      await session.release()
      await own[Symbol.asyncDispose]()
    })

    test('of one backend leaves another alone', async () => {
      const [one, other] = [createBackend(), createBackend()]
      const session = await other.open(sum)
      await one[Symbol.asyncDispose]()
      expect(numbers((await session.run({ a: x, b: x })).tensors.sum)).toEqual([2, 4, 6, 8])
      await other[Symbol.asyncDispose]()
    })
  })

  test('a session that is profiled leaves a record of its nodes when it is released', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'backend-profile-'))
    try {
      const session = await backend.open(sum, { profile: join(folder, 'profile') })
      await session.run({ a: x, b: x })
      await session.release()
      const [file] = readdirSync(folder).filter(name => /^profile.*\.json$/.test(name))
      const events = JSON.parse(readFileSync(join(folder, file!), 'utf8')) as {
        args?: { op_name?: string }
      }[]
      expect(events.map(({ args }) => args?.op_name)).toContain('Add')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a resident of another backend is an error, not the tensor of the same number here', async () => {
    const other = createBackend()
    const theirs = await other.open(twoOutputs)
    const { residents } = await theirs.run({ x }, { keep: () => true })
    await withSession(twoOutputs, async own => {
      const mine = await own.run({ x }, { keep: () => true })
      await expect(own.run({ x: residents.y! })).rejects.toBeInstanceOf(BackendError)
      expect(numbers((await own.run({ x: mine.residents.y! })).tensors.y)).toEqual([3, 4, 5, 6])
      await backend.drop(Object.values(mine.residents))
    })
    await other[Symbol.asyncDispose]()
  })
}

function bytesOf(...values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer)
}

function numbers(source: Tensor | undefined): number[] {
  return [...float32Data(source)]
}
