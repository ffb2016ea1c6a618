import { createRequire } from 'node:module'
import { Command } from 'commander'
import { benchCommand } from './bench.ts'
import { completionCommand } from './completion.ts'
import { doctorCommand } from './doctor.ts'
import { evalCommand } from './eval.ts'
import { exportCommand } from './export.ts'
import { generateCommand } from './generate.ts'
import { inspectCommand } from './inspect.ts'
import { keysCommand } from './keys.ts'
import { modelsCommand } from './models.ts'
import { ParserEnd } from './parser-end.ts'
import { serveCommand } from './serve.ts'
import { setupCommand } from './setup.ts'
import { showCommand } from './show.ts'
import { UsageError } from './usage-error.ts'
import { workerCommand } from './worker.ts'

const start = `
Start with:
  framewright generate "a red ball bounces on a blue floor"
  framewright generate --help`

/** The whole command line. Nothing heavy is loaded before a command runs. */
export function createProgram(): Command {
  const { version } = createRequire(import.meta.url)('framewright/package.json') as { version: string }
  const program = new Command('framewright')
    .description('Make videos from open video models, in Node.js, on ONNX Runtime')
    .version(version)
    .addHelpText('after', start)
  const commands = [
    generateCommand,
    inspectCommand,
    exportCommand,
    showCommand,
    setupCommand,
    doctorCommand,
    modelsCommand,
    evalCommand,
    benchCommand,
    () => serveCommand(),
    () => workerCommand(),
    keysCommand,
    () => completionCommand(() => program),
  ]
  for (const command of commands) program.addCommand(command())
  return throwing(program)
}

/** Commander would end the process where it finds a mistake; instead it throws, from every command. */
function throwing(command: Command): Command {
  command.configureOutput({ outputError: () => {} }).exitOverride(end => {
    throw new ParserEnd(fullName(command), end)
  })
  refuseRepeats(command)
  command.commands.forEach(throwing)
  return command
}

/** A flag with one value that is given twice would lose the first. */
function refuseRepeats(command: Command): void {
  for (const option of command.options.filter(({ required, optional }) => required || optional)) {
    let count = 0
    command.on(`option:${option.name()}`, () => {
      count++
      // What may be repeated collects: into a list, or by name.
      if (count === 1 || typeof command.getOptionValue(option.attributeName()) === 'object') return
      throw new UsageError({ subject: option.long ?? option.flags, expected: 'it once', got: 'it twice' })
    })
  }
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name()
}
