/** The package as npm packs it, with nothing of the checkout around it. */
import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'
import { prompt, root } from './run-cli.ts'

const run = promisify(execFile)
const app = scratchFolder()
const installed = path.join(app, 'node_modules/framewright')

beforeAll(async () => {
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', app]
  const { stdout } = await run('npm', pack, { cwd: root, maxBuffer: 2 ** 24 })
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
  mkdirSync(installed, { recursive: true })
  await run('tar', ['-xzf', path.join(app, filename), '--strip-components=1', '-C', installed])
  placeDependencies()
  writeFileSync(path.join(app, 'package.json'), '{ "type": "module" }')
})

/** Links to the checkout's packages, those that are for production only: no registry is asked. */
function placeDependencies(): void {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { readonly dev?: boolean }>
  }
  for (const [folder, { dev }] of Object.entries(packages)) {
    const target = path.join(root, folder)
    if (!/^node_modules\/(@[^/]+\/)?[^/]+$/.test(folder) || dev || !existsSync(target)) continue
    mkdirSync(path.dirname(path.join(app, folder)), { recursive: true })
    symlinkSync(target, path.join(app, folder))
  }
}

test('holds what it needs and little else', () => {
  expect(readdirSync(installed).sort()).toEqual([
    'LICENSE',
    'README.md',
    'dist',
    'docs',
    'models',
    'package.json',
  ])
  const files = readdirSync(installed, { recursive: true, withFileTypes: true }).filter(file => file.isFile())
  const names = files.map(file => path.join(file.parentPath, file.name))
  expect(names.filter(name => /\.test\.|\/train\/|\.py$/.test(name))).toEqual([])
  const page = path.join(installed, 'dist/studio')
  expect(readdirSync(page).sort()).toEqual(['assets', 'docs.html', 'index.html'])
  const runtime = path.join(installed, 'dist/onnxruntime')
  expect(readdirSync(path.join(runtime, 'bin/napi-v6'))).toEqual(['linux'])
  const ours = names.filter(name => !name.startsWith(runtime))
  expect(ours.reduce((sum, name) => sum + statSync(name).size, 0)).toBeLessThan(20e6)
})

test('makes a video from the command line', async () => {
  const command = path.join(installed, 'dist/src/cli/main.js')
  expect(readFileSync(command, 'latin1')).toMatch(/^#!\/usr\/bin\/env node\n/)
  const words = ['generate', prompt, '--steps', '1', '--frames', '5', '-o', 'a.mp4', '--quiet']
  expect((await run(process.execPath, [command, ...words], { cwd: app })).stdout).toBe('a.mp4\n')
  const { stdout } = await run(process.execPath, [command, 'doctor'], { cwd: app })
  expect(stdout).toContain(`built-in model  ok  ${installed}/models/doodle/checkpoint\n`)
})

test('makes a video from a program', async () => {
  const program = `
    import { builtInModel, createEngine, packageVersion, renderVideo, resolveModel } from 'framewright'
    const engine = await createEngine({ model: await resolveModel(builtInModel) })
    const output = { path: 'b.gif', model: builtInModel, version: packageVersion() }
    const request = { prompt: ${JSON.stringify(prompt)}, steps: 1, frames: 5 }
    for await (const { type } of renderVideo(engine, request, output)) console.log(type)
    await engine[Symbol.asyncDispose]()
  `
  writeFileSync(path.join(app, 'program.js'), program)
  const { stdout } = await run(process.execPath, ['program.js'], { cwd: app })
  expect(stdout).toMatch(/^start\n(.*\n)*video-written\n$/)
  expect(existsSync(path.join(app, 'b.gif'))).toBe(true)
})
