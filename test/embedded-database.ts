import { cp } from 'node:fs/promises'
import { EmbeddedDatabase } from '../src/jobs/embedded-database.ts'
import { madeOnce } from './made-once.ts'

/** Opens an empty database in a new folder: a copy of one, as making it takes longer than most of what is done to it. */
export async function openEmptyDatabase(folder: string): Promise<EmbeddedDatabase> {
  const { made } = await madeOnce('embedded-database', async made => {
    await (await EmbeddedDatabase.open(made)).close()
    return { made }
  })
  await cp(made, folder, { recursive: true })
  return await EmbeddedDatabase.open(folder)
}
