import { expect, test } from 'vitest'
import { createProgram } from '../../../src/cli/program.ts'
import { isSupervised } from '../../../src/cli/supervisor.ts'
import { importsOf, readSource } from '../../source-tree.ts'

/** What is loaded before a module's first line runs: packages, and files of the project. */
function loadedFor(entry: string): Set<string> {
  const loaded = new Set([entry])
  for (const file of loaded) {
    if (!file.endsWith('.ts')) continue
    const now = importsOf(readSource(file)).filter(({ typeOnly, dynamic }) => !typeOnly && !dynamic)
    for (const { target } of now) loaded.add(target)
  }
  return loaded
}

/** Each takes longer to load than everything that a server needs before it listens. */
const slow = ['zod', 'hono', 'sharp', 'mediabunny', 'pino', '@electric-sql/pglite', 'pg', 'piscina']

test.each(['main', 'command-process', 'run-command', 'serve', 'worker', 'keys'])(
  'src/cli/%s.ts loads nothing that is slow before it runs',
  name => {
    const loaded = loadedFor(`src/cli/${name}.ts`)
    expect(slow.filter(each => loaded.has(each))).toEqual([])
  },
)

test('a server listens before anything slow is loaded', () => {
  for (const file of ['src/api/server.ts', 'src/server/listening-socket.ts']) {
    const loaded = loadedFor(file)
    expect(slow.filter(each => loaded.has(each))).toEqual([])
  }
})

test('what answers interrupts runs under a supervisor', async () => {
  const names = (await createProgram()).commands.map(each => each.name())
  const interruptible = names.filter(name => loadedFor(`src/cli/${name}.ts`).has('src/cli/interrupt.ts'))
  expect(interruptible).toEqual(expect.arrayContaining(['generate', 'serve', 'studio', 'worker']))
  expect(interruptible.filter(name => !isSupervised([name]))).toEqual([])
})

test('only the command that is called is loaded, and all of them for their list', async () => {
  const namesFor = async (...argv: string[]) => (await createProgram(argv)).commands.map(each => each.name())
  expect(await namesFor('serve', '--port', '0')).toEqual(['serve'])
  const all = await namesFor()
  expect(all).toEqual(expect.arrayContaining(['generate', 'models', 'serve', 'worker', 'completion']))
  for (const word of ['--help', 'help', 'completion', 'nonsense', 'toString']) {
    expect(await namesFor(word)).toEqual(all)
  }
})
