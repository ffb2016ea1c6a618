import { execFile, type SpawnOptions, spawn } from 'node:child_process'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../..')
export const main = path.join(root, 'dist/src/cli/main.js')
export const builtIn = path.join(root, 'models/doodle/checkpoint')
export const prompt = 'a red ball moves to the right on a white background'

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What was written to the standard error beside notices. */
export function withoutNotices(stderr: string): string {
  return stderr.replace(/^notice: .*\n/gm, '')
}

/** Runs `framewright` in a folder until it ends. */
export async function framewright(
  folder: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ended> {
  return await run(folder, process.execPath, [main, ...words], env)
}

/** Runs a script of bash in a folder; `$FRAMEWRIGHT` is the command. */
export async function bash(folder: string, script: string): Promise<Ended> {
  const env = { ...process.env, FRAMEWRIGHT: `${process.execPath} ${main}` }
  return await run(folder, 'bash', ['-c', script], env)
}

async function run(
  folder: string,
  program: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Ended> {
  return await new Promise(resolve => {
    execFile(program, words, { cwd: folder, env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}

/** Starts `framewright` in a folder. */
export function start(folder: string, words: readonly string[], options: SpawnOptions = {}) {
  return spawn(process.execPath, [main, ...words], { cwd: folder, ...options })
}
