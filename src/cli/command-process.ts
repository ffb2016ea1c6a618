/** The process of a supervised command, with the words of the command line as its own. */
import { joinSupervisor } from './interrupt.ts'
import { runCommand } from './run-command.ts'

joinSupervisor()
await runCommand(process.argv.slice(2))
