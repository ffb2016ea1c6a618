import { Command } from 'commander'
import type { WorkerOptions } from '../host/worker.ts'
import type { OpenJobs } from '../jobs/jobs-options.ts'
import { databaseAddress, repeated, wholeNumber } from './arguments.ts'
import { addFileFlags } from './generate-flags.ts'
import { addHostFlags, type HostFlags, withHostOptions } from './host-flags.ts'
import { interruptSignal } from './interrupt.ts'

const examples = `
Examples:
  framewright worker --database postgres://video@db.example/video --storage /mnt/videos
  framewright worker --database "$DATABASE_URL" --queue large --storage /mnt/videos \\
    -m Wan-AI/Wan2.1-T2V-1.3B-Diffusers --device cuda:0 --device cuda:1

SIGTERM hands back what is running, with a checkpoint: another worker goes on from it.`

/** Time for the step that is running to end, its checkpoint to be written, and the engine hosts to go. */
const handBackMs = 6500

/** @param openJobs opens the tasks of the fleet, unless it is what the flags say */
export function workerCommand(openJobs?: OpenJobs): Command {
  const command = new Command('worker')
    .description('Take tasks from the queue of a fleet, and make their videos')
    .requiredOption(
      '--database <address>',
      'PostgreSQL server of the tasks, postgres://…',
      databaseAddress('--database'),
    )
    .requiredOption('--storage <path>', 'folder of the files, which the servers and all workers see')
    .option('--queue <name>', 'queue that tasks are taken from (default: default)')
    .option('-m, --model <name>', 'model to take tasks of, named as for serve; may be repeated', repeated)
  addHostFlags(command)
    .option(
      '--lease-seconds <count>',
      'without a sign of life after which others take over (default: 30)',
      wholeNumber('--lease-seconds', { from: 2, to: 3600 }),
    )
    .option(
      '--run-seconds <count>',
      'that one run may take (default: 21600)',
      wholeNumber('--run-seconds', { from: 1, to: 72_000 }),
    )
    .option(
      '--drain-seconds <count>',
      'that runs may go on after SIGTERM (default: 0)',
      wholeNumber('--drain-seconds', { from: 0, to: 86_400 }),
    )
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', examples)
    .action(async (flags: WorkerFlags) => await work(flags, openJobs))
  addFileFlags(command)
  return command
}

interface WorkerFlags extends Omit<WorkerOptions, 'models' | 'devices' | 'adapters' | 'files'>, HostFlags {
  readonly model?: string[]
  readonly device?: string[]
  readonly debug?: boolean
}

async function work(flags: WorkerFlags, openJobs: OpenJobs | undefined): Promise<void> {
  const { startWorker } = await import('../api/worker.ts')
  const signal = interruptSignal(
    () => process.stderr.write('draining: what is running is handed back; once more to stop at once\n'),
    { drainMs: (flags.drainSeconds ?? 0) * 1000 + handBackMs },
  )
  await using worker = await startWorker(workerOptions(flags), openJobs)
  const stopped = new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const failure = await Promise.race([stopped, worker.failed])
  if (failure) throw failure
}

export function workerOptions(flags: WorkerFlags): WorkerOptions {
  const { model, device, debug: _, ...same } = withHostOptions(flags)
  return { ...same, ...(model && { models: model }), ...(device && { devices: device }) }
}
