import { execFile } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { EngineParts } from '../engine/engine.ts'
import { CancelledError, messageOf } from '../errors.ts'
import { type BenchmarkOptions, openContext } from './context.ts'
import { profiled, readProfiles } from './profile.ts'
import { openWork } from './repeated.ts'
import type { ClassShare } from './report.ts'
import { type RepeatedQuestion, works } from './work.ts'

export type ProfileOptions = Omit<BenchmarkOptions, 'synthetic' | 'signal'> & { readonly model: string }

/**
 * Profiles one repetition in a process of its own, where a GPU finishes every kernel before the next is asked for:
 * only then does the runtime's record say what a kernel took. That would slow what is measured.
 * @param folder for its temporary files, which it cannot remove when it is ended
 */
export async function profileInChild(
  { signal, synthetic: _, ...options }: BenchmarkOptions & { readonly signal: AbortSignal },
  folder: string,
): Promise<{ readonly shares: readonly ClassShare[] } | { readonly failure: string }> {
  const program = createRequire(import.meta.url).resolve('#profile-process')
  const env = { ...process.env, CUDA_LAUNCH_BLOCKING: '1', TMPDIR: folder }
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(options)], {
      env,
      signal,
      maxBuffer: 1 << 24,
    })
    return { shares: JSON.parse(stdout) as ClassShare[] }
  } catch (error) {
    if (signal.aborted) throw new CancelledError({ cause: error })
    const [line] = messageOf(error).split('\n').slice(1).filter(Boolean)
    return { failure: line ?? messageOf(error) }
  }
}

/** Runs a repetition to load and allocate and one that is profiled, and says which class of op took how long. */
export async function profileRepetition(options: ProfileOptions, parts: EngineParts): Promise<ClassShare[]> {
  const work = works[options.what as RepeatedQuestion]
  const folder = await mkdtemp(path.join(await realpath(tmpdir()), 'framewright-profile-'))
  try {
    const context = await openContext(options, parts, folder)
    const { device, threads } = context
    const runs = new Map<string, number>()
    {
      const backend = profiled(parts.createBackend({ device, threads }), folder)
      await using open = await openWork(context, work, backend)
      await open.repetition()
      open.runner.runs.length = 0
      await open.repetition()
      for (const { graph } of open.runner.runs) runs.set(graph, (runs.get(graph) ?? 0) + 1)
    }
    return await readProfiles(folder, runs)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
