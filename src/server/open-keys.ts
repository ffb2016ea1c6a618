import { join } from 'node:path'
import { checkDatabaseAddress } from '../api/addresses.ts'
import type { KeyStore } from '../jobs/key-store.ts'
import { openKeys } from '../jobs/open-jobs.ts'
import { serverFolder } from './server-environment.ts'

export interface KeysOptions {
  /** Folder of the server. @default `~/.local/share/framewright/server` */
  readonly folder?: string
  /** PostgreSQL server of the tasks, `postgres://…`, where they are not in the folder. */
  readonly database?: string
}

/** The API keys of a server: where it keeps its tasks, whether or not it runs. */
export async function openServerKeys({ folder = serverFolder(), database }: KeysOptions): Promise<KeyStore> {
  if (database !== undefined) checkDatabaseAddress(database)
  return await openKeys(database ?? join(folder, 'database'))
}
