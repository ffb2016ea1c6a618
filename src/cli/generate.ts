import { Command } from 'commander'
import type { Engine, EngineOptions } from '../engine/engine.ts'
import { builtInModel, resolveModel } from '../engine/model-name.ts'
import { packageVersion } from '../engine/package-info.ts'
import type { RenderEvent } from '../engine/render.ts'
import { writeSafetensors } from '../weights/write-safetensors.ts'
import { Activity } from './activity.ts'
import { createReporter } from './create-reporter.ts'
import { addGenerateFlags, type GenerateFlags, modelFilesOf } from './generate-flags.ts'
import { interruptSignal } from './interrupt.ts'
import { checkOutputs } from './output-checks.ts'
import type { Reporter } from './reporter.ts'
import { onLanes } from './run-on-lanes.ts'
import { withTensorRt } from './tensorrt-flag.ts'
import { VideoCheckpoint, withSavedSeeds } from './video-checkpoint.ts'
import { planVideos, type VideoJob } from './video-jobs.ts'

const examples = `
Examples:
  framewright generate "a red ball bounces on a blue floor"
  framewright generate "a cat walks" -m Wan-AI/Wan2.1-T2V-1.3B-Diffusers --size 832x480 --seconds 5 -o cat.mp4
  framewright generate "a green star spins" --count 4 --lanes 2 -o star-{seed}.webm
  framewright generate "a cat walks" -m wan2.1_t2v_1.3B_fp8_scaled.safetensors
  framewright generate --prompts prompts.txt -o clips/{index}.mp4
  framewright generate "a red ball" -o frames/          a folder of 00000.png, 00001.png, …

What is not given comes from the model: see "framewright inspect <model>".
The file holds how it was made: "framewright show <file>" prints the command.`

export function generateCommand(): Command {
  const command = new Command('generate')
    .description('Make a video from a prompt')
    .argument('[prompt]', 'what the video shows, in quotes')
    .addHelpText('after', examples)
  return addGenerateFlags(command).action(generate)
}

async function generate(prompt: string | undefined, flags: GenerateFlags): Promise<void> {
  const { createEngine } = await import('../api/engine.ts')
  const jobs = await withSavedSeeds(await planVideos(prompt, flags), flags)
  await checkOutputs(jobs, flags)
  const report = createReporter(flags, jobs.length)
  const activity = new Activity()
  const signal = interruptSignal(() => {
    report.note(`stopping in ${activity.text}: unfinished files are removed; once more to stop at once`)
  })
  const model = await resolveModel(flags.model)
  const { lanes = 1 } = flags
  if (lanes > jobs.length) {
    const message = `lanes: ${jobs.length} are used, as many as there are videos, of the ${lanes} asked for.`
    report.event(jobs[0]!, { type: 'notice', code: 'machine/capped', message })
  }
  const used = Math.min(lanes, jobs.length)
  const engine = await createEngine(engineOptions(model, { ...flags, lanes: used }))
  const context = { engine, flags, report, activity }
  try {
    await onLanes(jobs, used, signal, async (job, stop) => await makeVideo(job, stop, context))
  } finally {
    report.close()
    // An interrupted run does not wait for a graph that nothing can end.
    if (!signal.aborted) await engine[Symbol.asyncDispose]()
  }
}

function engineOptions(model: string, flags: GenerateFlags): EngineOptions {
  const { precision, threads, lanes, residency, memory, promptCache, experimental } = flags
  const device = withTensorRt(flags.device, flags.tensorrt)
  return {
    model,
    files: modelFilesOf(flags),
    ...(device !== undefined && { device }),
    ...(precision && { precision }),
    ...(threads !== undefined && { threads }),
    ...(lanes !== undefined && { lanes }),
    ...(residency && { residency }),
    ...(promptCache !== undefined && { promptCache }),
    ...(experimental && { experimental }),
    ...(memory !== undefined && { memory: memory * 1e9 }),
    adapters: [...(flags.lora ?? []), ...(flags.lora2 ?? []).map(adapter => ({ ...adapter, expert: 1 }))],
  }
}

interface Context {
  readonly engine: Engine
  readonly flags: GenerateFlags
  readonly report: Reporter
  readonly activity: Activity
}

async function makeVideo(job: VideoJob, signal: AbortSignal, context: Context): Promise<void> {
  const { engine, flags, report, activity } = context
  const { renderVideo } = await import('../engine/render.ts')
  const output = {
    path: job.output,
    model: flags.model ?? builtInModel,
    version: packageVersion(),
    ...(flags.upscale && { upscale: flags.upscale }),
  }
  const checkpoint = new VideoCheckpoint(job, flags)
  const resume = flags.resume ? await checkpoint.load() : undefined
  if (flags.resume)
    report.note(
      resume
        ? `going on after step ${resume.step}`
        : `no checkpoint of ${job.output}: it is made from the start`,
    )
  const states = flags.checkpointEvery !== undefined
  let end: Extract<RenderEvent, { type: 'video-end' }> | undefined
  try {
    for await (const event of renderVideo(engine, job.request, output, {
      signal,
      states,
      ...(resume && { resume }),
    })) {
      if (event.type === 'step-end') {
        const { state, ...shown } = event
        report.event(job, shown)
        if (state) await checkpoint.step(state)
      } else report.event(job, event)
      activity.event(job, event)
      if (event.type === 'video-end') end = event
    }
  } catch (error) {
    const step = await checkpoint.flush().catch(() => undefined)
    if (step !== undefined) report.note(`${job.output}: step ${step} is saved; go on from it with --resume`)
    throw error
  }
  if (flags.resume || states) await checkpoint.remove()
  if (job.latents === undefined || end === undefined) return
  const about = new Map([
    ['prompt', end.plan.prompt],
    ['seed', String(end.plan.seed)],
    ['model', output.model],
  ])
  await writeSafetensors(job.latents, new Map([['latents', end.latents]]), about)
}
