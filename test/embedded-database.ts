import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { cp, readFile, rename } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { EmbeddedDatabase } from '../src/jobs/embedded-database.ts'
import { memoize } from '../src/memoize.ts'
import { madeOnce } from './made-once.ts'

/** An empty database, which later runs use as well: making one takes longer than all that is done to it. */
const kept = path.resolve(`node_modules/.cache/framewright/embedded-database-${keyOfWhatMakesIt()}`)

/** Opens an empty database in a new folder. */
export async function openEmptyDatabase(folder: string): Promise<EmbeddedDatabase> {
  await keepCompiled(createRequire(import.meta.url).resolve('@electric-sql/pglite'))
  await madeOnce('embedded-database', async made => {
    if (existsSync(kept)) return { kept }
    const database = await EmbeddedDatabase.open(made)
    // Two thirds of the files belong to databases that nobody opens, and every file is copied for each test.
    await database.query('UPDATE pg_database SET datistemplate = false')
    for (const template of ['template0', 'template1']) await database.query(`DROP DATABASE ${template}`)
    await database.close()
    // A copy that is moved to its place is there as a whole or not at all.
    const copy = `${kept}.${process.pid}`
    await cp(made, copy, { recursive: true })
    await rename(copy, kept)
    return { kept }
  })
  await cp(kept, folder, { recursive: true })
  return await EmbeddedDatabase.open(folder)
}

// No statement of a test runs often enough to be worth V8's optimising compiler, a fifth of the CPU time.
setFlagsFromString('--wasm-tiering-budget=200000000')

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { compile(bytes: Uint8Array): Promise<unknown> }
}

/** V8 shares what it compiles of equal bytes among threads, as long as one holds it: half of the time to open a database. */
const keepCompiled = memoize(async (entry: string) => {
  return await WebAssembly.compile(await readFile(path.join(path.dirname(entry), 'pglite.wasm')))
})

function keyOfWhatMakesIt(): string {
  const makers = [
    'node_modules/@electric-sql/pglite/package.json',
    'src/jobs/embedded-thread.ts',
    'test/embedded-database.ts',
  ]
  const hash = createHash('sha1')
  for (const file of makers) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 12)
}
