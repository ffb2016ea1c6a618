import type { Command } from 'commander'
import type { ModelFiles } from '../engine/model-files.ts'
import type { NamedAdapters } from '../host/named-adapters.ts'
import {
  choice,
  namedFileArgument,
  precisionOption,
  repeated,
  threadsOption,
  wholeNumber,
} from './arguments.ts'
import {
  addExperimentalFlag,
  type ModelFileFlags,
  modelFilesOf,
  residencyChoices,
  withoutModelFiles,
} from './generate-flags.ts'
import { UsageError } from './usage-error.ts'

/** Flags of every command that makes videos for tasks: where, how, and what is kept and told of a run meanwhile. */
export function addHostFlags(command: Command): Command {
  return addExperimentalFlag(command)
    .option(
      '--device <name>',
      'device to make videos on, one at a time on each, or on a pair such as cuda:0,cuda:1; may be repeated',
      repeated,
    )
    .option(
      '--lora <name=file>',
      'a LoRA that requests may ask for by its name; may be repeated',
      namedFileArgument('--lora'),
    )
    .option(
      '--lora-2 <name=file>',
      'one for the second expert, of models with two; may be repeated',
      namedFileArgument('--lora-2'),
    )
    .addOption(precisionOption())
    .addOption(threadsOption('CPU threads of each device'))
    .option(
      '--residency <mode>',
      'auto, keep, release-text or release: components that stay in memory (default: auto, as many as fit)',
      choice('--residency', residencyChoices),
    )
    .option('--prompt-cache <folder>', 'where what text encoders give is kept (default: in the user’s cache)')
    .option('--no-prompt-cache', 'encode every prompt anew')
    .option(
      '--checkpoint-seconds <count>',
      'between checkpoints of a run (default: 30)',
      wholeNumber('--checkpoint-seconds', { from: 0, to: 86_400 }),
    )
    .option(
      '--preview-steps <count>',
      'steps between previews, 0 for none (default: 5)',
      wholeNumber('--preview-steps', { from: 0, to: 1000 }),
    )
    .option(
      '--log-level <level>',
      'error, warn, info or debug',
      choice('--log-level', ['silent', 'error', 'warn', 'info', 'debug']),
    )
}

export interface HostFlags extends ModelFileFlags {
  readonly lora?: Readonly<Record<string, string>>
  readonly lora2?: Readonly<Record<string, string>>
}

type HostOptionsOf<F extends HostFlags> = Omit<Omit<F, keyof ModelFileFlags>, 'lora' | 'lora2'> & {
  readonly adapters?: NamedAdapters
  readonly files?: ModelFiles
}

/** The flags with what they say of adapters, and of a model's files, as one. @throws UsageError for a name that both have */
export function withHostOptions<F extends HostFlags>(flags: F): HostOptionsOf<F> {
  const { lora = {}, lora2 = {}, ...rest } = withoutModelFiles(flags)
  const files = modelFilesOf(flags)
  const twice = Object.keys(lora2).find(name => Object.hasOwn(lora, name))
  if (twice !== undefined) {
    const advice = 'Requests tell adapters by their names.'
    throw new UsageError({ subject: '--lora-2', expected: 'a name of its own', got: twice, advice })
  }
  const entries = [
    ...Object.entries(lora).map(([name, path]) => [name, { path }] as const),
    ...Object.entries(lora2).map(([name, path]) => [name, { path, expert: 1 }] as const),
  ]
  const named = Object.keys(files).length > 0
  return {
    ...rest,
    ...(named && { files }),
    ...(entries.length > 0 && { adapters: Object.fromEntries(entries) }),
  }
}
