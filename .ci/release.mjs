/**
 * Prepares a release: `npm run release -- 0.3.0` sets the version, dates the changelog's section, checks the package as
 * it would be published, and says what to commit and tag. `--check` checks alone.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const [word] = process.argv.slice(2)
if (word !== '--check' && !/^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/.test(word ?? '')) {
  console.error('release: expected a version such as 0.3.0, or --check')
  process.exit(2)
}

const run = (command, ...words) => execFileSync(command, words, { encoding: 'utf8', maxBuffer: 2 ** 26 })

if (word !== '--check') {
  if (run('git', 'status', '--porcelain') !== '') fail('there are changes that are not committed')
  run('npm', 'version', '--no-git-tag-version', '--ignore-scripts', word)
  dateChangelog(word)
}
checkPackage()
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
if (!readFileSync('CHANGELOG.md', 'utf8').includes(`## [${version}]`))
  fail(`CHANGELOG.md has no section ${version}`)
console.log(`The package of ${version} is in order.`)
if (word !== '--check') {
  console.log(
    `Then: git commit -am "chore(release): ${version}" && git tag v${version} && git push --follow-tags`,
  )
}

/** "Unreleased" becomes the section of the version, under an empty one. */
function dateChangelog(release) {
  const text = readFileSync('CHANGELOG.md', 'utf8')
  if (!/^## \[Unreleased\]\n+[^#\n]|^## \[Unreleased\]\n+### /m.test(text))
    fail('CHANGELOG.md says nothing under Unreleased')
  const today = new Date().toISOString().slice(0, 10)
  writeFileSync(
    'CHANGELOG.md',
    text.replace('## [Unreleased]', `## [Unreleased]\n\n## [${release}] - ${today}`),
  )
}

/** What is packed, its entry points, and their types as every way of resolving modules sees them. */
function checkPackage() {
  const folder = mkdtempSync(path.join(tmpdir(), 'framewright-release-'))
  try {
    const packed = JSON.parse(
      run('npm', 'pack', '--json', '--pack-destination', folder).replace(/^[^[{]*/, ''),
    )
    const { filename } = Array.isArray(packed) ? packed[0] : packed
    const tarball = path.join(folder, filename)
    console.log(run('npx', '--no-install', 'publint', 'run', tarball, '--strict'))
    // The package is ES modules alone: a CommonJS program imports it dynamically.
    console.log(run('npx', '--no-install', 'attw', tarball, '--profile', 'esm-only', '--no-color'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function fail(reason) {
  console.error(`release: ${reason}`)
  process.exit(1)
}
