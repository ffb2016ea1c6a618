/**
 * Sums up a run: `node summary.mjs <command>=<its report of vitest>… -- [failed command…]`. Prints what was skipped, what
 * failed, and last `N passed, N failed, N skipped`, counted from the reports. A file that cannot be loaded counts as one failure, and so does a
 * command that failed without a failed test to show for it, or has no report. The exit status is 1 when there is any
 * failure.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'

const words = process.argv.slice(2)
const end = words.indexOf('--')
const failedCommands = words.slice(end + 1)
const suites = words.slice(0, end).map(word => {
  const [command, file] = word.split('=')
  return { command, ...countsOf(read(file)) }
})

const shown = suites.filter(({ failures }) => failures.length > 0).map(({ command }) => command)
const missing = suites.filter(({ there }) => !there).map(({ command }) => command)
const commands = new Set([...failedCommands.filter(command => !shown.includes(command)), ...missing])
const failures = [...suites.flatMap(suite => suite.failures), ...commands]

const skipped = suites.flatMap(suite => suite.skipped)

for (const { file, test } of skipped) console.log(`skipped: ${file}: ${test}`)
for (const each of failures) console.log(`failed: ${each}`)
const passed = suites.reduce((sum, suite) => sum + suite.passed, 0)
console.log(`${passed} passed, ${failures.length} failed, ${skipped.length} skipped`)
process.exitCode = failures.length === 0 ? 0 : 1

/** How many tests of a report passed, which were skipped, and the names of those, and of files, that failed. */
function countsOf(report) {
  const failures = (report?.testResults ?? []).flatMap(({ status, name, assertionResults }) => {
    const tests = assertionResults
      .filter(test => test.status === 'failed')
      .map(
        ({ fullName, failureMessages }) =>
          `${path.relative('.', name)}: ${fullName}${reasonOf(failureMessages)}`,
      )
    return status === 'failed' && tests.length === 0 ? [name] : tests
  })
  const skipped = (report?.testResults ?? []).flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'skipped' || status === 'pending' || status === 'todo')
      .map(({ fullName }) => ({ file: path.relative('.', name), test: fullName })),
  )
  return { there: report !== undefined, passed: report?.numPassedTests ?? 0, skipped, failures }
}

/** The first line of what an assertion said, as a run is often read by its summary alone. */
function reasonOf([message] = []) {
  const [line] = message?.split('\n') ?? []
  return line ? `: ${line.slice(0, 300)}` : ''
}

function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
