import { createRequire } from 'node:module'
import { Command } from 'commander'
import { ParserEnd } from './parser-end.ts'
import { UsageError } from './usage-error.ts'

const start = `
Start with:
  framewright generate "a red ball bounces on a blue floor"
  framewright generate --help`

/** How each command is loaded, in the order of the help. What one imports costs the others nothing. */
const commands: Readonly<Record<string, (program: () => Command) => Promise<Command>>> = {
  generate: async () => (await import('./generate.ts')).generateCommand(),
  inspect: async () => (await import('./inspect.ts')).inspectCommand(),
  export: async () => (await import('./export.ts')).exportCommand(),
  show: async () => (await import('./show.ts')).showCommand(),
  setup: async () => (await import('./setup.ts')).setupCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  models: async () => (await import('./models.ts')).modelsCommand(),
  eval: async () => (await import('./eval.ts')).evalCommand(),
  bench: async () => (await import('./bench.ts')).benchCommand(),
  serve: async () => (await import('./serve.ts')).serveCommand(),
  studio: async () => (await import('./studio.ts')).studioCommand(),
  worker: async () => (await import('./worker.ts')).workerCommand(),
  keys: async () => (await import('./keys.ts')).keysCommand(),
  completion: async program => (await import('./completion.ts')).completionCommand(program),
}

/**
 * The command line. Nothing heavy is loaded before a command runs.
 * @param argv of which only the command that it begins with is loaded, whole without one
 */
export async function createProgram(argv: readonly string[] = []): Promise<Command> {
  const { version } = createRequire(import.meta.url)('framewright/package.json') as { version: string }
  const program = new Command('framewright')
    .description('Make videos from open video models, in Node.js, on ONNX Runtime')
    .version(version)
    .addHelpText('after', start)
    // In a folder that was removed, no worker thread starts.
    .hook('preAction', () => void process.cwd())
  const [name = ''] = argv
  const all = !Object.hasOwn(commands, name) || name === 'completion'
  for (const load of all ? Object.values(commands) : [commands[name]!]) {
    program.addCommand(await load(() => program))
  }
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
