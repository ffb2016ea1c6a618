/** The commands beside `generate`, as a person uses them. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { onnx } from 'onnx-proto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelReport } from '../../src/index.ts'
import { scratchFolder } from '../scratch.ts'
import { HubServer, type RepositoryFiles } from '../unit/hub/hub-server.ts'
import { bash, builtIn, framewright, prompt, root, withoutNotices } from './run-cli.ts'

const folder = scratchFolder()
const version = (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string })
  .version

describe('framewright', () => {
  test('prints its version, and help for every command', async () => {
    expect((await framewright(folder, ['--version'])).stdout).toBe(`${version}\n`)
    const { stdout } = await framewright(folder, ['--help'])
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) .*?(?:\[options\]|hub on)/gm)].map(
      ([, name]) => name!,
    )
    expect(commands).toEqual(
      expect.arrayContaining(['generate', 'inspect', 'export', 'show', 'doctor', 'models']),
    )
    for (const name of commands) {
      const help = await framewright(folder, [name, '--help'])
      expect(help).toMatchObject({ code: 0, stderr: '' })
      expect(help.stdout).toMatch(new RegExp(`^Usage: framewright ${name} `))
    }
  })
})

describe('framewright doctor', () => {
  test('finds this machine able to make videos, and says what it looked at', async () => {
    const { code, stdout, stderr } = await framewright(folder, ['doctor'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^framewright +ok +${version}$`, 'm'))
    expect(stdout).toMatch(/^node +ok +\d+\.\d+\.\d+ on /m)
    expect(stdout).toMatch(/^onnxruntime +ok +1\.29\.0$/m)
    expect(stdout).toMatch(/^cpu +ok +\d+ cores?$/m)
    expect(stdout).toMatch(/^codecs +ok +writes .*avc.*png/m)
    expect(stdout).toMatch(/\nVideos can be made on the CPU\.\n$/)
  })

  test('gives its findings as JSON', async () => {
    const { stdout } = await framewright(folder, ['doctor', '--json'])
    const { ready, findings } = JSON.parse(stdout) as { ready: boolean; findings: { subject: string }[] }
    expect(ready).toBe(true)
    const subjects = findings.map(({ subject }) => subject)
    expect(subjects).toEqual(
      expect.arrayContaining(['node', 'onnxruntime', 'cpu', 'gpu', 'memory', 'codecs']),
    )
  })
})

describe('framewright inspect', () => {
  test('says what the built-in model is, with the sizes of its files', async () => {
    const { code, stdout } = await framewright(folder, ['inspect'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^can do +text to video, /m)
    expect(stdout).toMatch(/^size +width and height multiples of 16/m)
    expect(stdout).toMatch(/^frames +4k \+ 1/m)
    const report = JSON.parse(
      (await framewright(folder, ['inspect', builtIn, '--json'])).stdout,
    ) as ModelReport
    expect(report.components.map(({ name }) => name)).toEqual(['text_encoder', 'transformer', 'vae'])
    for (const { name, parameters, dtypes, bytes } of report.components) {
      const files = (await readdir(path.join(builtIn, name))).filter(file => file.endsWith('.safetensors'))
      const size = files.reduce((sum, file) => sum + statSync(path.join(builtIn, name, file)).size, 0)
      expect(bytes).toBeLessThan(size)
      expect(bytes).toBeGreaterThan(0.98 * size - 50_000)
      expect(bytes).toBe(parameters * (dtypes[0]!.dtype === 'f32' ? 4 : 2))
    }
  })
})

describe('framewright export', () => {
  test('writes graphs whose weights lie beside them', async () => {
    const { code, stdout } = await framewright(folder, ['export', 'doodle', '-o', 'exported', '--json'])
    expect(code).toBe(0)
    const { graphs } = JSON.parse(stdout) as { graphs: { name: string; file: string }[] }
    expect(graphs.map(({ name }) => name)).toContain('transformer')
    let external = 0
    for (const { file } of graphs) {
      const model = onnx.ModelProto.decode(await readFile(path.join(folder, 'exported', file)))
      for (const initializer of model.graph!.initializer!) {
        const entries = new Map(initializer.externalData!.map(({ key, value }) => [key!, value!]))
        const location = entries.get('location')
        if (location === undefined) continue
        external++
        expect(path.isAbsolute(location)).toBe(false)
        const end = Number(entries.get('offset')) + Number(entries.get('length'))
        expect(statSync(path.join(folder, 'exported', location)).size).toBeGreaterThanOrEqual(end)
      }
    }
    expect(external).toBeGreaterThan(100)
    const again = await framewright(folder, ['export', 'doodle', '-o', 'exported'])
    expect(again.code).toBe(2)
    expect(again.stderr).toMatch(
      /^error: exported\/: expected a new or empty folder, got one with \d+ entries\./,
    )
  })

  test('writes operators of the ONNX standard alone when asked to', async () => {
    const words = ['export', 'doodle', '-o', 'standard', '--dialect', 'standard', '--json']
    const { code, stdout } = await framewright(folder, words)
    expect(code).toBe(0)
    const { graphs } = JSON.parse(stdout) as { graphs: { file: string }[] }
    for (const { file } of graphs) {
      const model = onnx.ModelProto.decode(await readFile(path.join(folder, 'standard', file)))
      const nodes = model.graph!.node!.map(({ domain }) => domain)
      const imports = model.opsetImport!.map(({ domain, version }) => [domain, Number(version)])
      expect(new Set(nodes)).toEqual(new Set(['']))
      expect(imports).toEqual([['', 23]])
    }
  })

  test('copies the weights when asked to', async () => {
    await framewright(folder, ['export', 'doodle', '-o', 'copied', '--copy'])
    const file = 'vae/diffusion_pytorch_model.safetensors'
    const [copy, source] = [statSync(path.join(folder, 'copied', file)), statSync(path.join(builtIn, file))]
    expect(copy.ino).not.toBe(source.ino)
    expect(copy.size).toBe(source.size)
  })

  test.each([
    ['nowhere/exported', /expected a folder to write into, got none at .*nowhere\. Create it: mkdir -p /],
    ['/proc/exported', /^error: \/proc\/exported: expected a file or folder, got none \(ENOENT\)/],
  ])('refuses %s and leaves nothing', async (output, message) => {
    const { code, stderr } = await framewright(folder, ['export', 'doodle', '-o', output])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(existsSync(path.join(folder, 'nowhere'))).toBe(false)
  })
})

describe('framewright show', () => {
  test('prints a command that makes the same file again', async () => {
    const made = [
      'generate',
      prompt,
      '--seed',
      '3',
      '--steps',
      '1',
      '--frames',
      '5',
      '-o',
      'a.mp4',
      '--quiet',
    ]
    await framewright(folder, made)
    const script = 'eval "set -- $($FRAMEWRIGHT show a.mp4)"; shift; $FRAMEWRIGHT "$@" -o b.mp4 --quiet'
    const { code, stdout, stderr } = await bash(folder, script)
    expect({ code, stdout, stderr: withoutNotices(stderr) }).toEqual({
      code: 0,
      stdout: 'b.mp4\n',
      stderr: '',
    })
    const [a, b] = await Promise.all(['a.mp4', 'b.mp4'].map(name => readFile(path.join(folder, name))))
    expect(b!.equals(a!)).toBe(true)
    const record = JSON.parse((await framewright(folder, ['show', 'a.mp4', '--json'])).stdout) as object
    expect(record).toMatchObject({ prompt, seed: '3', steps: 1, frames: 5, model: 'doodle', version })
  })
})

describe('framewright models', () => {
  const id = 'someone/doodle'
  let hub: HubServer
  let env: NodeJS.ProcessEnv
  beforeAll(async () => {
    hub = await HubServer.start(id, await filesOf(builtIn))
    env = {
      ...process.env,
      HF_ENDPOINT: hub.endpoint,
      FRAMEWRIGHT_HOME: path.join(folder, 'home'),
      HF_TOKEN: '',
    }
  })
  afterAll(async () => await hub[Symbol.asyncDispose]())

  test('pulls a model that then has a path and makes videos by its name', async () => {
    const models = (...words: string[]) => framewright(folder, ['models', ...words], env)
    const place = path.join(folder, 'home/models/someone/doodle')
    expect(await models('list')).toMatchObject({ code: 0, stdout: '' })
    expect(await models('path', id)).toMatchObject({ code: 2, stdout: '' })

    hub.faults.set('transformer/diffusion_pytorch_model.safetensors', [{ dropAfter: 100_000 }])
    const pulled = await models('pull', id)
    expect(pulled).toMatchObject({ code: 0, stdout: `${place}\n` })
    expect(pulled.stderr).toMatch(/^someone\/doodle: \d+ files, 1\d\.\d MB$/m)
    expect(pulled.stderr).toMatch(/^transformer\/diffusion_pytorch_model\.safetensors: .*again in /m)

    expect((await models('path', id)).stdout).toBe(`${place}\n`)
    expect((await models('list')).stdout).toMatch(/^someone\/doodle +1\d\.\d MB +.*someone\/doodle\n$/)
    const request = ['generate', prompt, '--seed', '1', '--steps', '1', '--frames', '5', '--quiet']
    await framewright(folder, [...request, '-m', id, '-o', 'pulled/'], env)
    await framewright(folder, [...request, '-o', 'builtin/'], env)
    const frames = await Promise.all(['pulled', 'builtin'].map(name => pixelsOf(path.join(folder, name))))
    expect(frames[0]!.equals(frames[1]!)).toBe(true)
  })

  test('says that the built-in model needs no pull', async () => {
    const { code, stderr } = await framewright(folder, ['models', 'pull', 'doodle'], env)
    expect(code).toBe(2)
    expect(stderr).toMatch(/doodle is built in: use it without a pull, with --model doodle\.$/m)
  })

  test('says what a hub does not have', async () => {
    const { code, stderr } = await framewright(folder, ['models', 'pull', 'someone/else'], env)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: model someone\/else: expected /)
  })
})

async function filesOf(place: string): Promise<RepositoryFiles> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true })
  const names = entries.filter(entry => entry.isFile()).map(entry => path.join(entry.parentPath, entry.name))
  const files = names.map(async name => [path.relative(place, name), await readFile(name)] as const)
  return Object.fromEntries(await Promise.all(files))
}

async function pixelsOf(place: string): Promise<Buffer> {
  const { default: sharp } = await import('sharp')
  const names = (await readdir(place)).sort()
  return Buffer.concat(await Promise.all(names.map(name => sharp(path.join(place, name)).raw().toBuffer())))
}
