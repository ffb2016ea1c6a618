import { endInterrupted, tellFinished } from './interrupt.ts'
import { addModelDefaults } from './model-defaults.ts'
import { createProgram } from './program.ts'
import { reportError } from './report-error.ts'

/** Runs the command that the words ask for, in this process, and sets its exit code. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    // Whoever read the output has gone (as in "| head"). The video is what the run is for: it goes on.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return
      process.exit(reportError(error, argv))
    })
  }
  try {
    const program = await createProgram(argv)
    await addModelDefaults(program, argv)
    await program.parseAsync(argv, { from: 'user' })
    tellFinished()
  } catch (error) {
    // Only what is refused needs the names of all flags.
    const { inFlags } = await import('./flag-names.ts')
    process.exitCode = reportError(error, argv, inFlags)
    endInterrupted(process.exitCode)
  }
}
