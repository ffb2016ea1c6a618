import type { Command } from 'commander'
import { choice, repeated, wholeNumber } from './arguments.ts'
import { residencyChoices } from './generate-flags.ts'

/** Flags of every command that makes videos for tasks: where, how, and what is kept and told of a run meanwhile. */
export function addHostFlags(command: Command): Command {
  return command
    .option(
      '--device <name>',
      'device to make videos on, one at a time on each, or on a pair such as cuda:0,cuda:1; may be repeated',
      repeated,
    )
    .option(
      '--precision <type>',
      'float type of the transformer',
      choice('--precision', ['f32', 'f16', 'bf16']),
    )
    .option('--threads <count>', 'CPU threads', wholeNumber('--threads', { from: 1, to: 1024 }))
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
