import { homedir } from 'node:os'
import { join } from 'node:path'

/** What the hub takes from the environment; everything of it can be given as an option instead. */
export interface HubEnvironment {
  /** Where models are kept. */
  readonly modelsFolder: string
  /** Address of the hub, without a slash at its end. */
  readonly endpoint: string
  /** Access token, for models that need one. */
  readonly token: string | undefined
}

/**
 * Reads `FRAMEWRIGHT_HOME`, `XDG_CACHE_HOME`, `HF_ENDPOINT` and `HF_TOKEN`. Models are kept in the first of
 * `$FRAMEWRIGHT_HOME/models`, `$XDG_CACHE_HOME/framewright/models` and `~/.cache/framewright/models`.
 */
export function hubEnvironment(variables: NodeJS.ProcessEnv = process.env): HubEnvironment {
  return {
    modelsFolder: join(framewrightHome(variables), 'models'),
    endpoint: (variables.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, ''),
    token: variables.HF_TOKEN || undefined,
  }
}

/** The folder of everything that is kept: `$FRAMEWRIGHT_HOME`, else a folder of the user's cache. */
export function framewrightHome(variables: NodeJS.ProcessEnv = process.env): string {
  const cache = variables.XDG_CACHE_HOME || join(homedir(), '.cache')
  return variables.FRAMEWRIGHT_HOME || join(cache, 'framewright')
}

/**
 * Where Hugging Face's own tools keep what they download: `$HF_HUB_CACHE`, else `hub` in `$HF_HOME`, else in the
 * user's cache folder.
 */
export function huggingFaceCache(variables: NodeJS.ProcessEnv = process.env): string {
  const named = variables.HF_HUB_CACHE || variables.HUGGINGFACE_HUB_CACHE
  const cache = variables.XDG_CACHE_HOME || join(homedir(), '.cache')
  return named || join(variables.HF_HOME || join(cache, 'huggingface'), 'hub')
}

/** Address of the npm registry, without a slash at its end: npm's own setting, else the public one. */
export function registryAddress(variables: NodeJS.ProcessEnv = process.env): string {
  return (variables.npm_config_registry || 'https://registry.npmjs.org').replace(/\/+$/, '')
}

/** Where models are kept. */
export function modelsFolder(): string {
  return hubEnvironment().modelsFolder
}
