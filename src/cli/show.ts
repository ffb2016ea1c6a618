import { Command } from 'commander'
import { commandOf, settingsWithoutFlag } from '../api/record-command.ts'
import { packageVersion } from '../engine/package-info.ts'
import { MediaError } from '../errors.ts'

export function showCommand(): Command {
  return new Command('show')
    .description('Print the command that makes a video again')
    .argument('<file>', 'a video that framewright made, or a folder of its PNG files')
    .option('--json', 'print what the file holds as JSON')
    .option('--debug', 'print the stack of errors')
    .addHelpText(
      'after',
      '\nThe command is quoted for a POSIX shell.\n\nExample:\n  framewright show cat.mp4',
    )
    .action(show)
}

async function show(path: string, { json }: { json?: boolean }): Promise<void> {
  const { readRecord } = await import('../media/read-record.ts')
  const record = await readRecord(path)
  if (record === undefined) {
    throw new MediaError('media/input', {
      subject: path,
      expected: 'a video that framewright made',
      got: 'one that does not say how it was made',
      advice: 'Programs that convert videos often drop their metadata.',
    })
  }
  if (!json && record.version !== packageVersion()) {
    process.stderr.write(`made by version ${record.version}; this is ${packageVersion()}\n`)
  }
  const flagless = settingsWithoutFlag(record)
  if (!json && flagless.length > 0) {
    process.stderr.write(`set from a program, no flag does it: ${flagless.join(', ')}\n`)
  }
  process.stdout.write(`${json ? JSON.stringify(record) : commandOf(record)}\n`)
}
