import { expect, test } from 'vitest'
import type { Database, Row } from '../../../src/jobs/database.ts'
import { TaskReader } from '../../../src/jobs/task-reader.ts'

const row = (id: string, state: string): Row => ({ id, state, created_at: new Date(0) })

/** A database that answers when it is told to, and the ids that each statement asked for. */
function heldDatabase(answer: (id: string) => Row | undefined) {
  const asked: string[][] = []
  const release: (() => void)[] = []
  const database = {
    query: async (_: string, values?: readonly unknown[]) => {
      const ids = values![0] as string[]
      asked.push(ids)
      await new Promise<void>(resolve => release.push(resolve))
      return ids.flatMap(id => answer(id) ?? [])
    },
  } as unknown as Database
  return { database, asked, next: () => release.shift()!() }
}

const turn = () => new Promise(resolve => setImmediate(resolve))

test('who asks during a statement shares the next one', async () => {
  const { database, asked, next } = heldDatabase(id => row(id, 'queued'))
  const reader = new TaskReader(database)
  const tasks = ['a', 'b', 'c', 'b'].map(id => reader.get(id))
  next()
  await turn()
  expect(asked).toEqual([['a'], ['b', 'c']])
  next()
  expect((await Promise.all(tasks)).map(task => task?.id)).toEqual(['a', 'b', 'c', 'b'])
})

test('what was written before the question is in the answer, though another is asked already', async () => {
  let state = 'queued'
  const release: (() => void)[] = []
  const database = {
    // As a database does: what there was when the statement began.
    query: async (_: string, values?: readonly unknown[]) => {
      const rows = (values![0] as string[]).map(id => row(id, state))
      await new Promise<void>(resolve => release.push(resolve))
      return rows
    },
  } as unknown as Database
  const reader = new TaskReader(database)
  const before = reader.get('a')
  state = 'running'
  const after = reader.get('a')
  release.shift()!()
  await turn()
  release.shift()!()
  expect([(await before)?.state, (await after)?.state]).toEqual(['queued', 'running'])
})

test('one that is not there is undefined, and does not hold up the others', async () => {
  const { database, next } = heldDatabase(id => (id === 'a' ? row(id, 'queued') : undefined))
  const reader = new TaskReader(database)
  const [there, gone] = [reader.get('a'), reader.get('z')]
  next()
  await turn()
  next()
  expect([(await there)?.id, await gone]).toEqual(['a', undefined])
})

test('a failure is told to those who wait for that statement, and the next one is tried', async () => {
  let failing = true
  const database = {
    query: async (_: string, values?: readonly unknown[]) => {
      if (failing) throw new Error('no connection')
      return (values![0] as string[]).map(id => row(id, 'queued'))
    },
  } as unknown as Database
  const reader = new TaskReader(database)
  await expect(reader.get('a')).rejects.toThrow('no connection')
  failing = false
  expect((await reader.get('a'))?.id).toBe('a')
})
