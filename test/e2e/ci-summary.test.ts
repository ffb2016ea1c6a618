/** The last lines of a run of CI. */
import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'

const run = promisify(execFile)
const folder = scratchFolder()

describe('.ci/summary.mjs', () => {
  const passed = { status: 'passed', fullName: 'a' }
  const failed = { status: 'failed', fullName: 'b', failureMessages: ['expected 1\n    at a.test.ts:1'] }

  test.each<[string, object | undefined, string[], number, string]>([
    [
      'nothing failed',
      { numPassedTests: 2, testResults: [file([passed, passed])] },
      [],
      0,
      '2 passed, 0 failed, 0 skipped',
    ],
    [
      'a test was skipped',
      { numPassedTests: 1, testResults: [file([passed, { status: 'skipped', fullName: 'c' }])] },
      [],
      0,
      'skipped: a.test.ts: c\n1 passed, 0 failed, 1 skipped',
    ],
    [
      'a test failed',
      { numPassedTests: 1, testResults: [file([passed, failed])] },
      ['npm test'],
      1,
      'failed: a.test.ts: b: expected 1\n1 passed, 1 failed, 0 skipped',
    ],
    [
      'a file could not be loaded',
      {
        numPassedTests: 1,
        testResults: [file([passed]), { ...file([]), status: 'failed', name: 'x.test.ts' }],
      },
      ['npm test'],
      1,
      'failed: x.test.ts\n1 passed, 1 failed, 0 skipped',
    ],
    [
      'lint failed',
      { numPassedTests: 1, testResults: [file([passed])] },
      ['npm run lint'],
      1,
      'failed: npm run lint\n1 passed, 1 failed, 0 skipped',
    ],
    [
      'the tests ended badly after all had passed',
      { numPassedTests: 1, testResults: [file([passed])] },
      ['npm test'],
      1,
      'failed: npm test\n1 passed, 1 failed, 0 skipped',
    ],
    ['there is no report', undefined, [], 1, 'failed: npm test\n0 passed, 1 failed, 0 skipped'],
  ])('%s', async (_, report, commands, code, output) => {
    const path = join(folder, 'report.json')
    if (report) writeFileSync(path, JSON.stringify(report))
    else rmSync(path, { force: true })
    const ended = await run(process.execPath, [
      '.ci/summary.mjs',
      `npm test=${path}`,
      '--',
      ...commands,
    ]).then(
      ({ stdout }) => ({ stdout, code: 0 }),
      (error: { stdout: string; code: number }) => error,
    )
    expect(ended.stdout.trim()).toBe(output)
    expect(ended.code).toBe(code)
  })

  test('several suites are one sum', async () => {
    const suites = [
      [passed, passed],
      [passed, failed],
    ].map((results, index) => {
      const path = join(folder, `suite-${index}.json`)
      const numPassedTests = results.filter(({ status }) => status === 'passed').length
      writeFileSync(path, JSON.stringify({ numPassedTests, testResults: [file(results)] }))
      return `npm run test${index}=${path}`
    })
    const ended = run(process.execPath, ['.ci/summary.mjs', ...suites, '--', 'npm run test1'])
    await expect(ended).rejects.toMatchObject({
      stdout: 'failed: a.test.ts: b: expected 1\n3 passed, 1 failed, 0 skipped\n',
      code: 1,
    })
  })

  function file(assertionResults: object[]): object {
    const failing = assertionResults.includes(failed)
    return { name: 'a.test.ts', status: failing ? 'failed' : 'passed', assertionResults }
  }
})
