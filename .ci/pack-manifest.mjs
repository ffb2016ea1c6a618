/**
 * The package.json that is packed, without the scripts that npm would run, or ask about, where the package is installed.
 * Packages whose own scripts only search for or download what comes as a package anyway are packed with it, without those.
 * `write` puts all of it in place before `npm pack`, `restore` puts back what was there; `show` prints what is packed.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

const [action] = process.argv.slice(2)

/**
 * Binds FFmpeg. Its scripts look for the platform's package, which npm has installed by then, and download the program
 * `ffmpeg`, which is not used: npm runs them, for a minute where the host is not reached, or asks whether it may.
 */
const binding = 'node-av'
/** What is packed with it: a package is only found by those that lie beside it. */
const bundled = ['@mediabunny/server', binding]

const manifests = [
  { file: 'package.json', saved: 'node_modules/.package.json', packed: ownManifest },
  {
    file: `node_modules/${binding}/package.json`,
    saved: `node_modules/.${binding}.package.json`,
    packed: bindingManifest,
  },
]

const written = manifests.map(({ file, saved, packed }) => {
  // What an interrupted run left there is the checkout's.
  return packed(JSON.parse(readFileSync(existsSync(saved) ? saved : file, 'utf8')))
})

if (action === 'show') {
  console.log(JSON.stringify(written))
} else if (action === 'write') {
  for (const [index, { file, saved }] of manifests.entries()) {
    if (!existsSync(saved)) renameSync(file, saved) // Never written to: other checkouts may link to the file.
    writeFileSync(file, `${JSON.stringify(written[index], undefined, 2)}\n`)
  }
} else if (action === 'restore') {
  for (const { file, saved } of manifests) if (existsSync(saved)) renameSync(saved, file)
} else {
  console.error('usage: node .ci/pack-manifest.mjs write|restore|show')
  process.exitCode = 2
}

function ownManifest({ scripts: _, devDependencies: __, allowScripts: ___, ...packed }) {
  return { ...packed, optionalDependencies: platformPackages(), bundleDependencies: bundled }
}

/** Its platform packages are ours then: they are not packed, npm installs the one of the machine. */
function bindingManifest({ scripts: _, dependencies: __, optionalDependencies: ___, ...packed }) {
  return packed
}

function platformPackages() {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  const { optionalDependencies, version } = packages[`node_modules/${binding}`]
  const names = Object.keys(optionalDependencies).filter(name => name.includes(`${binding}-`))
  return Object.fromEntries(names.map(name => [name, version]))
}
