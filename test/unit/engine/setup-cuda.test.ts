import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { ProviderPlace } from '../../../src/engine/provider-package.ts'
import { type SetupCudaOptions, setupCuda } from '../../../src/engine/setup-cuda.ts'
import { scratchFolder } from '../../scratch.ts'

const libraries = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'] as const
const version = '1.2.3'
const root = scratchFolder()
let count = 0
let folder = ''
let server: Server
/** The archive of the package, and what the server sends. */
let packed: Buffer
let archive: Buffer
let requests: string[] = []
let status = 200

beforeAll(async () => {
  folder = path.join(root, 'packed')
  await libraryFolder('package/libs', version)
  packed = execFileSync('tar', ['-czf', '-', '-C', folder, 'package'], { encoding: 'buffer' })
})

beforeEach(async () => {
  folder = path.join(root, String(count++))
  await mkdir(path.join(folder, 'runtime'), { recursive: true })
  archive = packed
  requests = []
  status = 200
  server = createServer((request, response) => {
    requests.push(request.url!)
    response.writeHead(status).end(archive)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  vi.stubEnv('npm_config_registry', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await new Promise(resolve => server.close(resolve))
})

/** The provider's libraries, larger than one block of the search: the version is across a border of two. */
async function libraryFolder(name: string, ofVersion: string): Promise<string> {
  const target = path.join(folder, name)
  await mkdir(target, { recursive: true })
  const content = Buffer.alloc((8 << 20) + 4096, 7)
  content.write(`\0${ofVersion}\0`, (8 << 20) - 2)
  await writeFile(path.join(target, libraries[0]), content)
  await writeFile(path.join(target, libraries[1]), 'small')
  return target
}

function place(): ProviderPlace {
  const integrity = `sha512-${createHash('sha512').update(archive).digest('base64')}`
  return {
    version,
    release: { name: 'provider', version: '0.1.0', bytes: archive.length, integrity, folder: 'package/libs' },
    runtime: path.join(folder, 'runtime'),
  }
}

async function setup(options: SetupCudaOptions = {}, at: ProviderPlace = place()): Promise<string[]> {
  const events: string[] = []
  const cache = path.join(folder, 'cache')
  for await (const { type } of setupCuda({ folder: cache, ...options }, at)) {
    if (type !== 'file-progress') events.push(type)
  }
  return events
}

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('the CUDA provider', () => {
  test('is fetched, kept and linked where the runtime looks for it', async () => {
    expect(await setup()).toEqual(['pull-start', 'file-end', 'pull-end'])
    expect(requests).toEqual(['/provider/-/provider-0.1.0.tgz'])
    const kept = path.join(folder, 'cache', 'cuda-1.2.3')
    for (const library of libraries) {
      expect(await readlink(path.join(folder, 'runtime', library))).toBe(path.join(kept, library))
    }
    expect((await readFile(path.join(folder, 'runtime', libraries[1]))).toString()).toBe('small')
    expect(await readdir(path.join(folder, 'cache'))).toEqual(['cuda-1.2.3'])
  })

  test('is not fetched again when it is kept', async () => {
    await setup()
    expect(await setup()).toEqual(['pull-end'])
    expect(requests).toHaveLength(1)
  })

  test.each([
    [404, 'a package on the registry ADDRESS', /Set npm_config_registry to a registry that has it/],
    [403, 'a package on the registry ADDRESS that may be read', /without signing in/],
  ])('is told to be missing from the registry when that answers %d', async (answer, expected, advice) => {
    status = answer
    const address = process.env.npm_config_registry!.replace(/\/$/, '')
    const error = await setup().catch((reason: Error) => reason.message)
    expect(error).toContain(`package provider 0.1.0: expected ${expected.replace('ADDRESS', address)}, got `)
    expect(error).toMatch(advice)
    expect(error).not.toMatch(/model|repository|HF_/)
  })

  test('is not looked for at what is no address', async () => {
    vi.stubEnv('npm_config_registry', 'nowhere')
    await expect(setup()).rejects.toThrow(
      'registry: expected the http(s) address of a registry, got "nowhere". Check npm_config_registry.',
    )
  })

  test('is refused when it is not what its integrity says', async () => {
    const at = place()
    archive = Buffer.from(archive)
    archive.writeUInt8(archive[100]! ^ 1, 100)
    await expect(setup({}, at)).rejects.toMatchObject({ code: 'hub/download' })
    expect(await readdir(path.join(folder, 'runtime'))).toEqual([])
  })

  test('is refused when it is of another version than the runtime', async () => {
    await expect(setup({}, { ...place(), version: '1.2.4' })).rejects.toThrow(
      /expected the provider of ONNX Runtime 1\.2\.4, got another file\./,
    )
    expect(await readdir(path.join(folder, 'runtime'))).toEqual([])
  })

  test('comes from a folder without a network, which may go afterwards', async () => {
    const from = await libraryFolder('given', version)
    expect(await setup({ from })).toEqual(['pull-end'])
    expect(requests).toEqual([])
    const link = await readlink(path.join(folder, 'runtime', libraries[0]))
    expect(link).toBe(path.join(folder, 'cache', 'cuda-1.2.3', libraries[0]))
  })

  test('names the libraries that a given folder has not', async () => {
    const from = path.join(folder, 'runtime')
    await expect(setup({ from })).rejects.toMatchObject({
      code: 'runtime/provider',
      message: `${from}: expected ${libraries.join(' and ')}, got a folder without them. Give the folder that holds both.`,
    })
  })

  test('is asked for by hand where no package is known for the runtime', async () => {
    await expect(setup({}, { ...place(), release: undefined })).rejects.toThrow(
      'CUDA provider: expected a known package for this version, got ONNX Runtime 1.2.3. Give a folder that has it with --from.',
    )
  })
})
