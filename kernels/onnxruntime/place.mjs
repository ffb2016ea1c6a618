/**
 * Puts ONNX Runtime for Node where the compiled package has it: `dist/onnxruntime`, which is part of what `npm pack`
 * packs. The package `onnxruntime-node` itself is a dependency of development alone: it brings the libraries of five
 * platforms, and its install script downloads a CUDA provider from a host that many machines do not reach.
 */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const target = path.join(here, '../../dist/onnxruntime')
const source = path.join(path.dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '..')
const about = JSON.parse(readFileSync(path.join(source, 'package.json'), 'utf8'))

/** The platforms that Framewright runs on, and the one that it is built on. */
const platforms = new Set(['linux/x64', 'linux/arm64', `${process.platform}/${process.arch}`])

if (placedVersion() !== about.version) {
  rmSync(target, { recursive: true, force: true })
  place('dist', name => /\.js(\.map)?$|\.d\.ts$/.test(name))
  for (const platform of platforms) place(`bin/napi-v6/${platform}`, () => true)
  copyFileSync(path.join(here, 'LICENSE'), path.join(target, 'LICENSE'))
  // Written last: a folder with it is complete.
  const { name, version, license, repository, main, types } = about
  writeFileSync(
    path.join(target, 'package.json'),
    `${JSON.stringify({ name, version, license, repository, main, types, type: 'commonjs' }, undefined, 2)}\n`,
  )
}

function placedVersion() {
  const file = path.join(target, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined
}

function place(folder, isWanted) {
  if (!existsSync(path.join(source, folder))) return
  mkdirSync(path.join(target, folder), { recursive: true })
  for (const name of readdirSync(path.join(source, folder)).filter(isWanted)) {
    const [from, to] = [path.join(source, folder, name), path.join(target, folder, name)]
    try {
      linkSync(from, to)
    } catch {
      copyFileSync(from, to)
    }
  }
}
