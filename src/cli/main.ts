#!/usr/bin/env node
import { isSupervised, supervise } from './supervisor.ts'

const argv = process.argv.slice(2)
if (isSupervised(argv)) {
  process.exitCode = await supervise(argv)
} else {
  const { runCommand } = await import('./run-command.ts')
  await runCommand(argv)
}
