import { Command } from 'commander'
import type { OpenJobs } from '../jobs/jobs-options.ts'
import type { ServeOptions } from '../server/serve.ts'
import { databaseAddress, publicAddress, repeated, wholeNumber } from './arguments.ts'
import { addFileFlags } from './generate-flags.ts'
import { addHostFlags, type HostFlags, withHostOptions } from './host-flags.ts'
import { interruptSignal } from './interrupt.ts'
import { UsageError } from './usage-error.ts'

const examples = `
Examples:
  framewright serve
  framewright serve -m Wan-AI/Wan2.1-T2V-1.3B-Diffusers --device cuda:0 --device cuda:1
  framewright serve --lora sketch=sketch.safetensors   (requests: "loras": [{ "name": "sketch" }])
  framewright serve --host 0.0.0.0 --public-url https://video.example.com

Clients of Runway's API take the address that is printed, those of OpenAI's API the same with /v1.`

/** @param openJobs what the tasks are kept in, unless it is what the flags say */
export function serveCommand(openJobs?: OpenJobs): Command {
  const command = new Command('serve').description(
    "Serve models over HTTP: the Studio for browsers, Runway's API and OpenAI's videos API",
  )
  return addServeFlags(command)
    .option('--no-studio', 'send no page to browsers: the APIs alone')
    .addHelpText('after', examples)
    .action(async (flags: ServeFlags) => await serve(flags, { ...(openJobs && { openJobs }) }))
}

/** The flags of a command that starts a server. */
export function addServeFlags(command: Command): Command {
  command
    .option(
      '--host <address>',
      'address to listen on; beyond this machine a key is needed (default: 127.0.0.1)',
    )
    .option(
      '--port <number>',
      'port, 0 for a free one (default: 8420)',
      wholeNumber('--port', { from: 0, to: 65_535 }),
    )
    .option(
      '--public-url <url>',
      'address under which clients reach the server, where it is another one',
      publicAddress('--public-url'),
    )
    .option('-m, --model <name>', 'model to offer, as for generate; may be repeated', repeated)
    .option(
      '--alias <name=model>',
      'a name of the APIs and the model it stands for; may be repeated',
      repeated,
    )
  addHostFlags(command)
    .option('--no-device', 'make no videos here: workers do')
    .option('--folder <path>', 'where tasks and files are kept')
    .option(
      '--database <address>',
      'postgres://… to keep tasks in, instead of the folder',
      databaseAddress('--database'),
    )
    .option('--queue <name>', 'queue of the tasks in the database (default: default)')
    .option('--storage <path>', 'folder of the files, instead of one in the folder')
    .option(
      '--max-pixels <count>',
      'largest picture that is made as asked',
      wholeNumber('--max-pixels', { from: 1, to: 2 ** 26 }),
    )
    .option(
      '--allow-host <name>',
      'host of the own network that URLs of clients may point to; may be repeated',
      repeated,
    )
    .option(
      '--max-queued <count>',
      'tasks that may wait (default: 1000)',
      wholeNumber('--max-queued', { from: 1, to: 1_000_000 }),
    )
    .option(
      '--body-memory <mib>',
      'MiB of large bodies that are held at a time (default: 64)',
      wholeNumber('--body-memory', { from: 32, to: 65_536 }),
    )
    .option(
      '--body-seconds <count>',
      'that a body may take, beside a second for every 256 KiB (default: 30)',
      wholeNumber('--body-seconds', { from: 1, to: 600 }),
    )
    .option(
      '--keep-days <count>',
      'days that tasks and their files are kept',
      wholeNumber('--keep-days', { from: 1, to: 36_500 }),
    )
    .option('--strict-version', 'refuse requests without X-Runway-Version, as Runway does')
    .option('--debug', 'print the stack of errors')
  addFileFlags(command)
  return command
}

export interface ServeFlags
  extends Pick<
      ServeOptions,
      'host' | 'port' | 'publicUrl' | 'folder' | 'database' | 'queue' | 'storage' | 'studio'
    >,
    HostFlags {
  readonly model?: string[]
  readonly alias?: string[]
  /** False with --no-device; true when nothing is said. */
  readonly device?: string[] | boolean
  readonly precision?: NonNullable<ServeOptions['precision']>
  readonly threads?: number
  readonly residency?: NonNullable<ServeOptions['residency']>
  /** False with --no-prompt-cache; true when nothing is said. */
  readonly promptCache?: boolean | string
  readonly experimental?: boolean
  readonly maxPixels?: number
  readonly checkpointSeconds?: number
  readonly previewSteps?: number
  readonly allowHost?: string[]
  readonly maxQueued?: number
  readonly bodyMemory?: number
  readonly bodySeconds?: number
  readonly keepDays?: number
  readonly strictVersion?: boolean
  readonly logLevel?: NonNullable<ServeOptions['logLevel']>
}

/**
 * Runs a server until the command is interrupted.
 * @param onServing called with its address once it answers
 */
export async function serve(
  flags: ServeFlags,
  { openJobs, onServing }: { readonly openJobs?: OpenJobs; readonly onServing?: (url: string) => void } = {},
): Promise<void> {
  const options = serveOptions(flags)
  const { startServer } = await import('../api/server.ts')
  const signal = interruptSignal(() =>
    process.stderr.write('stopping: what is running is handed back; once more to stop at once\n'),
  )
  const onListening = (url: string) => {
    process.stderr.write(`listening on ${url}\nrequests wait until it is ready\n`)
  }
  await using server = await startServer({ ...options, onListening }, openJobs)
  process.stderr.write('ready\n')
  onServing?.(server.url)
  await new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** @throws UsageError for an alias that is not one */
export function serveOptions(flags: ServeFlags): ServeOptions {
  const { model, alias, device, allowHost, keepDays, studio, ...same } = withHostOptions(flags)
  const all = {
    ...same,
    models: model,
    aliases: alias && Object.fromEntries(alias.map(aliasOf)),
    devices: device === false ? [] : device === true ? undefined : device,
    allowedHosts: allowHost,
    retentionDays: keepDays,
    studio: studio === false ? false : undefined,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function aliasOf(text: string): [name: string, model: string] {
  const [, name, model] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (name !== undefined && model !== undefined) return [name, model]
  throw new UsageError({
    subject: '--alias',
    expected: 'NAME=MODEL',
    got: JSON.stringify(text),
    advice: 'For example gen4.5=Wan-AI/Wan2.1-T2V-1.3B-Diffusers.',
  })
}
