/** Puts the reports of `run.sh` into one file: gather.mjs FOLDER FILE. How a part ended is there for every part. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const [folder, file] = process.argv.slice(2)
const names = readdirSync(folder).flatMap(name => (name.endsWith('.end') ? [name.slice(0, -4)] : []))

/** What is kept of the tests' report: what was tested, and how it ended. */
function testsOf({ testResults }) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  return { tests: tests.map(({ fullName, status }) => ({ test: fullName, status })) }
}

const parts = Object.fromEntries(
  names.map(name => {
    const end = readFileSync(path.join(folder, `${name}.end`), 'utf8').trim()
    const report = path.join(folder, `${name}.json`)
    const content = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
    return [name, { end, ...(content.testResults ? testsOf(content) : content) }]
  }),
)
mkdirSync(path.dirname(path.resolve(file)), { recursive: true })
const measured = new Date().toISOString().slice(0, 10)
writeFileSync(file, `${JSON.stringify({ gpu: { measured, parts } }, undefined, 1)}\n`)
