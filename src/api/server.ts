import type { OpenJobs } from '../jobs/jobs-options.ts'
import type { KeyStore } from '../jobs/key-store.ts'
import type { KeysOptions } from '../server/open-keys.ts'
import type { RunningServer, ServeOptions } from '../server/serve.ts'
import { checkDatabaseAddress, checkPublicUrl } from './addresses.ts'
import { openJobs } from './jobs.ts'

/**
 * Serves models over HTTP, as Runway's API and OpenAI's videos API. Loaded when it is called. What the
 * options alone tell to be wrong is told first; then the address is listened on: requests wait until the models are there.
 * @param open opens what the tasks are kept in
 * @throws RequestError for a wrong `publicUrl` or `database`, and when it would be open to others without a key;
 *   SystemError for an address that cannot be listened on; CheckpointError for a model that is not one
 */
export async function startServer(options: ServeOptions, open: OpenJobs = openJobs): Promise<RunningServer> {
  const { openSocket } = await import('../server/listening-socket.ts')
  if (options.publicUrl !== undefined) checkPublicUrl(options.publicUrl)
  if (options.database !== undefined) checkDatabaseAddress(options.database)
  const { checkPlaces, isOpenToOthers, needsKeys } = await import('../server/start-checks.ts')
  await checkPlaces(options)
  if (open === openJobs && isOpenToOthers(options.host)) {
    await using keys = await openKeys(options)
    await needsKeys(options.host!, keys)
  }
  const socket = await openSocket(options)
  options.onListening?.(options.publicUrl ?? socket.url)
  try {
    const server = await import('../server/serve.ts')
    return await server.startServer(options, open, socket)
  } catch (error) {
    await socket[Symbol.asyncDispose]()
    throw error
  }
}

/**
 * Opens the API keys of a server, whether or not it runs.
 * @throws JobsError when the database cannot be reached
 */
export async function openKeys(options: KeysOptions): Promise<KeyStore> {
  const server = await import('../server/open-keys.ts')
  return await server.openServerKeys(options)
}
