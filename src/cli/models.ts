import { Command } from 'commander'
import type { PullEvent } from '../hub/events.ts'
import { interruptSignal } from './interrupt.ts'
import { jsonLine } from './json-reporter.ts'
import { pullReporter } from './pull-reporter.ts'
import { bytesText } from './quantities.ts'
import { alignColumns } from './table.ts'

const environment = `
Models are kept in $FRAMEWRIGHT_HOME/models, else in the user's cache folder. $HF_ENDPOINT and $HF_TOKEN choose the
hub and the account.`

export function modelsCommand(): Command {
  const models = new Command('models').description('Models of the Hugging Face hub on this machine')
  models
    .command('list')
    .description('List the models that were pulled')
    .option('--json', 'print them as JSON')
    .option('--debug', 'print the stack of errors')
    .action(list)
  models
    .command('pull')
    .description('Download a model; what an earlier pull left is taken up')
    .argument('<id>', 'owner/name on the hub, in the diffusers layout')
    .option('--revision <name>', 'a branch, tag or commit (default: main)')
    .option('--json', 'print every event as a line of JSON')
    .option('--quiet', 'print the folder and nothing else')
    .option('--debug', 'print the stack of errors')
    .addHelpText(
      'after',
      `${environment}\n\nExample:\n  framewright models pull Wan-AI/Wan2.1-T2V-1.3B-Diffusers`,
    )
    .action(pull)
  models
    .command('path')
    .description('Print the folder of a model that was pulled')
    .argument('<id>', 'owner/name on the hub')
    .option('--revision <name>', 'a branch, tag or commit (default: main)')
    .option('--debug', 'print the stack of errors')
    .action(path)
  return models.addHelpText('after', environment)
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const { listModels } = await import('../hub/models.ts')
  const models = await listModels()
  if (json) {
    process.stdout.write(`${JSON.stringify(models)}\n`)
    return
  }
  if (models.length === 0) {
    process.stderr.write('none yet; get one with: framewright models pull <id>\n')
    return
  }
  const rows = models.map(({ id, revision, bytes, complete, path }) => {
    const name = revision === 'main' ? id : `${id}@${revision}`
    return [name, bytesText(bytes), complete ? '' : 'not whole: pull it again', path]
  })
  process.stdout.write(`${alignColumns(rows)}\n`)
}

interface PullFlags {
  readonly revision?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

async function pull(id: string, { revision, json, quiet }: PullFlags): Promise<void> {
  const { pullModel } = await import('../hub/pull.ts')
  const signal = interruptSignal(() => process.stderr.write('\nstopping\n'), { resumable: true })
  const events = pullModel(id, { signal, ...(revision !== undefined && { revision }) })
  const report = json
    ? { event: (event: PullEvent) => void process.stdout.write(`${jsonLine(event)}\n`), close: () => {} }
    : pullReporter({ out: process.stdout, err: process.stderr }, { quiet: quiet === true })
  try {
    for await (const event of events) report.event(event)
  } finally {
    report.close()
  }
}

async function path(id: string, { revision }: { revision?: string }): Promise<void> {
  const { modelPath } = await import('../hub/models.ts')
  process.stdout.write(`${await modelPath(id, { ...(revision !== undefined && { revision }) })}\n`)
}
