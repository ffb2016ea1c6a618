/**
 * Sums up a run: `node summary.mjs <report of vitest> [failed command…]`. Prints what failed, and last
 * `N passed, N failed`, counted from the report. A file that cannot be loaded counts as one failure, and so does a
 * command that failed without a failed test to show for it. The exit status is 1 when there is any failure.
 */
import { readFileSync } from 'node:fs'

const [file, ...failedCommands] = process.argv.slice(2)
const report = read(file)
const files = report?.testResults ?? []
const passed = report?.numPassedTests ?? 0
const tests = files.flatMap(each => each.assertionResults.filter(test => test.status === 'failed'))
const unloaded = files.filter(
  each => each.status === 'failed' && !each.assertionResults.some(test => test.status === 'failed'),
)
const commands = failedCommands.filter(
  command => command !== 'npm test' || tests.length + unloaded.length === 0,
)
if (report === undefined && !commands.includes('npm test')) commands.push('npm test')

for (const test of tests) console.log(`failed: ${test.fullName}`)
for (const each of unloaded) console.log(`failed: ${each.name}`)
for (const command of commands) console.log(`failed: ${command}`)

const failed = tests.length + unloaded.length + commands.length
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
