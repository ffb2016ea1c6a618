/**
 * The package.json that is packed: without the scripts that npm would run, or ask about, where the package is installed.
 * `write` puts it in place before `npm pack`, `restore` puts the checkout's own back after it.
 */
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

const [action] = process.argv.slice(2)
const manifest = 'package.json'
const saved = 'node_modules/.package.json'

if (action === 'write') {
  // Not over a copy that an interrupted run left: that one is the checkout's.
  if (!existsSync(saved)) copyFileSync(manifest, saved)
  const {
    scripts: _,
    devDependencies: __,
    allowScripts: ___,
    ...packed
  } = JSON.parse(readFileSync(saved, 'utf8'))
  writeFileSync(manifest, `${JSON.stringify(packed, undefined, 2)}\n`)
} else if (action === 'restore') {
  if (existsSync(saved)) renameSync(saved, manifest)
} else {
  console.error('usage: node .ci/pack-manifest.mjs write|restore')
  process.exitCode = 2
}
