import { existsSync, readFileSync } from 'node:fs'
import { cp, rename } from 'node:fs/promises'
import path from 'node:path'
import { EmbeddedDatabase } from '../src/jobs/embedded-database.ts'
import { madeOnce } from './made-once.ts'

/** An empty database, which later runs use as well: making one takes longer than all that is done to it. */
const kept = path.resolve(`node_modules/.cache/framewright/embedded-database-${pgliteVersion()}`)

/** Opens an empty database in a new folder. */
export async function openEmptyDatabase(folder: string): Promise<EmbeddedDatabase> {
  await madeOnce('embedded-database', async made => {
    if (existsSync(kept)) return { kept }
    await (await EmbeddedDatabase.open(made)).close()
    // A copy that is moved to its place is there as a whole or not at all.
    const copy = `${kept}.${process.pid}`
    await cp(made, copy, { recursive: true })
    await rename(copy, kept)
    return { kept }
  })
  await cp(kept, folder, { recursive: true })
  return await EmbeddedDatabase.open(folder)
}

function pgliteVersion(): string {
  const about = readFileSync('node_modules/@electric-sql/pglite/package.json', 'utf8')
  return (JSON.parse(about) as { version: string }).version
}
