import type { Command } from 'commander'
import type { NamedAdapters } from '../host/named-adapters.ts'
import { choice, namedFileArgument, repeated, threadsOption, wholeNumber } from './arguments.ts'
import { residencyChoices } from './generate-flags.ts'
import { UsageError } from './usage-error.ts'

/** Flags of every command that makes videos for tasks: where, how, and what is kept and told of a run meanwhile. */
export function addHostFlags(command: Command): Command {
  return command
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
    .option(
      '--precision <type>',
      'float type of the transformer',
      choice('--precision', ['f32', 'f16', 'bf16']),
    )
    .addOption(threadsOption('CPU threads of each device'))
    .option(
      '--residency <mode>',
      'auto, keep, release-text or release: components that stay in memory (default: auto, as many as fit)',
      choice('--residency', residencyChoices),
    )
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

export interface AdapterFlags {
  readonly lora?: Readonly<Record<string, string>>
  readonly lora2?: Readonly<Record<string, string>>
}

/** The flags with what they say of adapters as one. @throws UsageError for a name that both have */
export function withAdapters<F extends AdapterFlags>({
  lora = {},
  lora2 = {},
  ...rest
}: F): Omit<F, keyof AdapterFlags> & { readonly adapters?: NamedAdapters } {
  const twice = Object.keys(lora2).find(name => Object.hasOwn(lora, name))
  if (twice !== undefined) {
    const advice = 'Requests tell adapters by their names.'
    throw new UsageError({ subject: '--lora-2', expected: 'a name of its own', got: twice, advice })
  }
  const entries = [
    ...Object.entries(lora).map(([name, path]) => [name, { path }] as const),
    ...Object.entries(lora2).map(([name, path]) => [name, { path, expert: 1 }] as const),
  ]
  return { ...rest, ...(entries.length > 0 && { adapters: Object.fromEntries(entries) }) }
}
