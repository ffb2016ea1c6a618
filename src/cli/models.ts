import { Command } from 'commander'
import type { DescribedModel } from '../api/models.ts'
import type { LocalPart } from '../engine/local-models.ts'
import { invalidRequest } from '../errors.ts'
import type { PullEvent } from '../hub/events.ts'
import type { FoundModel } from '../hub/search.ts'
import { modeNames } from '../pipeline/model-facts.ts'
import { decimal, wholeNumber } from './arguments.ts'
import { inFlags } from './flag-names.ts'
import { interruptSignal } from './interrupt.ts'
import { jsonLine } from './json-reporter.ts'
import { pullReporter } from './pull-reporter.ts'
import { bytesText, counted } from './quantities.ts'
import { alignColumns } from './table.ts'

const environment = `
Models are kept in $FRAMEWRIGHT_HOME/models, else in the user's cache folder. $HF_ENDPOINT and $HF_TOKEN choose the
hub and the account.`

const pullExamples = `
Examples:
  framewright models pull Wan-AI/Wan2.1-T2V-1.3B-Diffusers
  framewright models pull Comfy-Org/Wan_2.1_ComfyUI_repackaged/split_files/vae/wan_2.1_vae.safetensors
  framewright models pull city96/Wan2.1-T2V-14B-gguf/wan2.1-t2v-14b-Q4_K_M.gguf`

export function modelsCommand(): Command {
  const models = new Command('models').description('Models of the Hugging Face hub on this machine')
  models
    .command('list')
    .description('List the models that were pulled: formats, sizes and what each can do')
    .option('--json', 'print them as JSON')
    .option('--debug', 'print the stack of errors')
    .action(list)
  models
    .command('recommend')
    .description('List the published models that fit the memory of this machine, the largest first')
    .option('--device <name>', 'auto, cpu, cuda or cuda:N (default: auto)')
    .option('--memory <GB>', 'memory of the device (default: what is free)', decimal('--memory'))
    .option('--size <WxH>', 'size of the videos (default: the model’s own)')
    .option(
      '--frames <n>',
      'frames of the videos (default: the model’s own)',
      wholeNumber('--frames', { from: 1, to: 100_000 }),
    )
    .option('--all', 'list those that do not fit, too')
    .option('--json', 'print them as JSON')
    .option('--debug', 'print the stack of errors')
    .action(recommend)
  models
    .command('search')
    .description('Search the hub for models, the most downloaded first')
    .argument('<words...>', 'words of their names')
    .option('--limit <n>', 'most of them (default: 20)', wholeNumber('--limit', { from: 1, to: 100 }))
    .option('--json', 'print them as JSON')
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', environment)
    .action(search)
  models
    .command('pull')
    .description('Download a model, or a file of it; what an earlier pull left is taken up')
    .argument(
      '<id>',
      'owner/name on the hub, in the diffusers layout; or owner/name/path of a file or folder',
    )
    .option('--revision <name>', 'a branch, tag or commit (default: main)')
    .option('--json', 'print every event as a line of JSON')
    .option('--quiet', 'print the folder or file and nothing else')
    .option('--debug', 'print the stack of errors')
    .addHelpText('after', `${environment}\n${pullExamples}`)
    .action(pull)
  models
    .command('path')
    .description('Print the folder or file of a model that was pulled')
    .argument('<id>', 'owner/name on the hub, or owner/name/path')
    .option('--revision <name>', 'a branch, tag or commit (default: main)')
    .option('--debug', 'print the stack of errors')
    .action(path)
  models
    .command('remove')
    .description('Remove a model that was pulled, or a file or folder of it')
    .argument('<id>', 'owner/name on the hub, or owner/name/path')
    .option('--revision <name>', 'a branch, tag or commit (default: main)')
    .option('--json', 'print what was removed as JSON')
    .option('--debug', 'print the stack of errors')
    .action(remove)
  return models.addHelpText('after', environment)
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const { describeModels } = await import('../api/models.ts')
  const models = await describeModels()
  if (json) {
    process.stdout.write(`${JSON.stringify(models)}\n`)
    return
  }
  if (models.length === 0) {
    process.stderr.write('none yet; get one with: framewright models pull <id>\n')
    return
  }
  process.stdout.write(`${alignColumns(models.flatMap(rowsOf))}\n`)
}

/** A row of the model, and one of every part that was pulled on its own. */
function rowsOf({ id, revision, bytes, complete, path, parts }: DescribedModel): string[][] {
  const name = revision === 'main' ? id : `${id}@${revision}`
  const whole = parts.find(part => part.path === '')
  const state = complete ? '' : 'not whole: pull it again'
  const row = [
    name,
    bytesText(bytes),
    whole?.formats.join(' ') ?? '',
    state || (whole ? abilityOf(whole) : ''),
    path,
  ]
  const single = parts.filter(part => part.path !== '')
  return [
    row,
    ...single.map(part => [
      `  ${part.path}`,
      bytesText(part.bytes),
      part.formats.join(' '),
      abilityOf(part),
      '',
    ]),
  ]
}

function abilityOf({ kind, modes, extends: extended, obstacle }: LocalPart): string {
  const what = kind === 'model' ? '' : kind.replaceAll('_', ' ')
  if (obstacle !== undefined) {
    const reason = obstacle.length > 100 ? `${obstacle.slice(0, 100)}…` : obstacle
    return [what, `cannot be run: ${reason}`].filter(Boolean).join(': ')
  }
  const abilities = [
    ...(modes?.map(mode => inFlags(modeNames[mode])) ?? []),
    ...(extended ? ['longer clips'] : []),
  ]
  return [what, abilities.join(', ')].filter(Boolean).join(': ')
}

interface RecommendFlags {
  readonly device?: string
  readonly memory?: number
  readonly size?: string
  readonly frames?: number
  readonly all?: boolean
  readonly json?: boolean
}

async function recommend({ memory, json, ...flags }: RecommendFlags): Promise<void> {
  const { recommendedModels } = await import('../api/models.ts')
  const given = memory === undefined ? flags : { ...flags, memory: memory * 1e9 }
  if (process.stderr.isTTY) process.stderr.write('estimating what published models take\n')
  const { device, free, models } = await recommendedModels(given)
  if (json) {
    process.stdout.write(`${JSON.stringify({ device, free, models })}\n`)
    return
  }
  const room = free === undefined ? 'memory that it does not tell' : `${bytesText(free)} of memory`
  process.stderr.write(`${device} with ${room}\n`)
  if (models.length === 0) {
    process.stderr.write(
      'nothing fits; --size and --frames ask for a smaller video, --all lists everything\n',
    )
    return
  }
  for (const model of models) {
    const { title, format, downloadBytes, memoryBytes, fits, width, height, frames, pull } = model
    const video = `${width}x${height}, ${frames} frames`
    const need = `${bytesText(memoryBytes)} of memory for ${video}${fits ? '' : ': does not fit'}`
    const lines = [`${title}, ${format}: ${bytesText(downloadBytes)} to download, about ${need}`, ...pull]
    process.stdout.write(`${lines.join('\n    ')}\n`)
  }
}

interface SearchFlags {
  readonly limit?: number
  readonly json?: boolean
}

async function search(words: string[], { limit, json }: SearchFlags): Promise<void> {
  const { searchModels } = await import('../hub/search.ts')
  const { pipelineNames } = await import('../api/models.ts')
  const signal = interruptSignal(() => {})
  const found = await searchModels(words.join(' '), { signal, ...(limit !== undefined && { limit }) })
  const known = pipelineNames()
  if (json) {
    const marked = found.map(each => ({ ...each, runs: runs(each, known) }))
    process.stdout.write(`${JSON.stringify(marked)}\n`)
    return
  }
  if (found.length === 0) process.stderr.write('nothing found\n')
  else process.stdout.write(`${alignColumns(found.map(each => foundRow(each, known)))}\n`)
}

/** Whether it is a pipeline that a family reads; undefined where its tags do not say. */
function runs({ pipeline }: FoundModel, known: ReadonlySet<string>): boolean | undefined {
  return pipeline === undefined ? undefined : known.has(pipeline)
}

function foundRow(model: FoundModel, known: ReadonlySet<string>): string[] {
  const { id, downloads, gated, pipeline, formats } = model
  const kind =
    pipeline === undefined ? formats.join(' ') : `${pipeline}${runs(model, known) ? '' : ', not read'}`
  return [
    id,
    `${downloads.toLocaleString('en')} a month`,
    kind,
    gated ? 'needs an account that is allowed' : '',
  ]
}

interface PullFlags {
  readonly revision?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

async function pull(id: string, { revision, json, quiet }: PullFlags): Promise<void> {
  const { builtInModel } = await import('../engine/model-name.ts')
  if (id === builtInModel) {
    throw invalidRequest(
      'model',
      'owner/name of a model on the hub',
      id,
      `${id} is built in: use it without a pull, with --model ${id}.`,
    )
  }
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

async function remove(
  id: string,
  { revision, json }: { readonly revision?: string; readonly json?: boolean },
): Promise<void> {
  const { removeModel } = await import('../hub/models.ts')
  const removed = await removeModel(id, { ...(revision !== undefined && { revision }) })
  const { path: place, files, bytes } = removed
  const text = `${place}: ${counted(files, 'file')}, ${bytesText(bytes)} removed`
  process.stdout.write(`${json ? JSON.stringify(removed) : text}\n`)
}
