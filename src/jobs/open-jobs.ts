import { join } from 'node:path'
import { isDatabaseAddress } from '../api/addresses.ts'
import type { Database } from './database.ts'
import { DurableJobs } from './durable-jobs.ts'
import { EmbeddedDatabase } from './embedded-database.ts'
import { FileKeys } from './file-keys.ts'
import type { JobsOptions, OpenedJobs } from './jobs-options.ts'
import type { KeyStore } from './key-store.ts'
import { PostgresDatabase } from './postgres-database.ts'
import { migrate } from './schema.ts'
import { SqlKeys } from './sql-keys.ts'

/**
 * Opens the tasks in a folder, which this process then has alone, or on a PostgreSQL server, which many share.
 * @throws JobsError when the database cannot be reached or opened
 */
export async function openJobs({ database: address, ...options }: JobsOptions): Promise<OpenedJobs> {
  const onError = options.onError ?? (error => process.emitWarning(error))
  const database = await openDatabase(address, onError)
  try {
    const jobs = await DurableJobs.open(database, options)
    return {
      jobs,
      keys: isDatabaseAddress(address) ? new SqlKeys(database) : new FileKeys(keysFile(address)),
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

/**
 * Opens the API keys alone. Those of a folder are in a file beside the tasks, so that they can be changed while a
 * server has the tasks open.
 */
export async function openKeys(address: string): Promise<KeyStore> {
  if (!isDatabaseAddress(address)) return new FileKeys(keysFile(address))
  return new SqlKeys(await openDatabase(address, error => process.emitWarning(error)))
}

async function openDatabase(address: string, onError: (error: Error) => void): Promise<Database> {
  const database = isDatabaseAddress(address)
    ? await PostgresDatabase.open(address, onError)
    : await EmbeddedDatabase.open(address)
  try {
    await database.transaction(migrate, { patient: true })
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

const keysFile = (folder: string) => join(folder, 'keys.json')
