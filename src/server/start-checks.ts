/** What is told of a server's options at once: before anything listens, and before a device is used. */
import { stat } from 'node:fs/promises'
import { resolveModel } from '../engine/model-name.ts'
import { invalidRequest } from '../errors.ts'
import type { VideoOptions } from '../host/video-options.ts'
import type { Keys } from '../jobs/keys.ts'
import { readAdapter } from '../weights/adapters/adapter-file.ts'
import { defaultHost } from './listening-socket.ts'

/** What a server is given that has to be somewhere. */
interface Places extends Pick<VideoOptions, 'adapters'> {
  readonly folder?: string
  readonly storage?: string
  readonly models?: readonly string[]
  readonly aliases?: Readonly<Record<string, string>>
}

/**
 * Checks that folders can be folders, and that every model and adapter is there.
 * @throws RequestError for a folder that is a file; CheckpointError for a model or adapter that is not one
 */
export async function checkPlaces(options: Places): Promise<void> {
  const { folder, storage, models = [], aliases = {}, adapters = {} } = options
  if (folder !== undefined) await checkFolder('folder', folder)
  if (storage !== undefined) await checkFolder('storage', storage)
  for (const model of new Set([...models, ...Object.values(aliases)])) await resolveModel(model)
  for (const { path } of Object.values(adapters)) await readAdapter(path)
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/** Whether others than this machine can reach an address. */
export function isOpenToOthers(host: string = defaultHost): boolean {
  return !loopback.test(host)
}

/**
 * Whether requests need a key.
 * @throws RequestError beyond loopback without any key
 */
export async function needsKeys(host: string, keys: Pick<Keys, 'any'>): Promise<boolean> {
  const any = await keys.any()
  if (any || !isOpenToOthers(host)) return any
  throw invalidRequest(
    `host ${host}`,
    'an API key, as others can reach this address',
    'none',
    'Make one with: framewright keys create NAME',
  )
}

async function checkFolder(name: string, path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error)
  const got = 'isDirectory' in found ? !found.isDirectory() && 'a file' : inFile(found)
  if (got === false) return
  throw invalidRequest(
    `${name} ${path}`,
    'a folder, or a name for a new one',
    got,
    `Give another folder with --${name}.`,
  )
}

const inFile = ({ code }: NodeJS.ErrnoException) => code === 'ENOTDIR' && 'a path below a file'
