import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where a server keeps its tasks and files unless it is told, from `FRAMEWRIGHT_HOME` and `XDG_DATA_HOME`. */
export function serverFolder(variables: NodeJS.ProcessEnv = process.env): string {
  const home = variables.FRAMEWRIGHT_HOME || undefined
  const data = variables.XDG_DATA_HOME || join(homedir(), '.local', 'share')
  return join(home ?? join(data, 'framewright'), 'server')
}
