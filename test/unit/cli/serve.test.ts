import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { serveCommand, serveOptions } from '../../../src/cli/serve.ts'
import type { OpenJobs, ServeOptions } from '../../../src/index.ts'
import { scratchFolder } from '../../scratch.ts'
import { MemoryJobs, MemoryKeys } from '../server/memory-jobs.ts'

const openJobs: OpenJobs = async parts => ({ jobs: new MemoryJobs(parts), keys: new MemoryKeys() })

/** What a command line becomes, without anything being started. */
function optionsOf(...args: string[]): ServeOptions {
  let seen: ServeOptions | undefined
  const command = serveCommand(openJobs)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action(flags => {
      seen = serveOptions(flags)
    })
  command.parse(args, { from: 'user' })
  return seen!
}

beforeEach(() => void vi.stubEnv('FRAMEWRIGHT_THREADS', undefined))
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

test('nothing said leaves everything to the server', () => {
  expect(optionsOf()).toEqual({})
})

test.each([
  ['--public-url', 'video.example.com', /^--public-url: expected an address such as https:/],
  ['--public-url', 'https://video.example.com?a', /^--public-url: /],
  ['--database', 'mysql://db/video', /^--database: expected an address such as postgres:/],
  ['--database', 'db.example/video', /^--database: /],
])('%s %s is refused by name', (flag, value, message) => {
  expect(() => optionsOf(flag, value)).toThrow(message)
})

test('flags become options', () => {
  const flags =
    '--host 0.0.0.0 --port 80 --model a --model b --device cuda:0 --device cuda:1 --alias gen4.5=a'
  const more = '--allow-host nas:8080 --keep-days 7 --max-queued 5 --strict-version --residency release'
  expect(optionsOf(...`${flags} ${more}`.split(' '))).toEqual({
    host: '0.0.0.0',
    port: 80,
    models: ['a', 'b'],
    devices: ['cuda:0', 'cuda:1'],
    aliases: { 'gen4.5': 'a' },
    allowedHosts: ['nas:8080'],
    retentionDays: 7,
    maxQueued: 5,
    strictVersion: true,
    residency: 'release',
  })
  const files = '--text-encoder umt5.gguf --vae vae.safetensors --models-dir models -m wan.gguf'
  expect(optionsOf(...files.split(' '))).toEqual({
    models: ['wan.gguf'],
    files: { textEncoder: 'umt5.gguf', vae: 'vae.safetensors', modelsFolder: 'models' },
  })
  const adapters = [
    '--lora',
    'ink=a=b.safetensors',
    '--lora',
    'oil=oil.safetensors',
    '--lora-2',
    'low=low.st',
  ]
  expect(optionsOf(...adapters)).toEqual({
    adapters: {
      ink: { path: 'a=b.safetensors' },
      oil: { path: 'oil.safetensors' },
      low: { path: 'low.st', expert: 1 },
    },
  })
  expect(optionsOf('--no-device')).toEqual({ devices: [] })
  expect(optionsOf('--no-studio')).toEqual({ studio: false })
})

test.each([
  ['--port', '70000', '--port: expected a whole number from 0 to 65535, got "70000".'],
  ['--alias', 'gen4.5', '--alias: expected NAME=MODEL, got "gen4.5". For example'],
  ['--precision', 'f8', '--precision: expected one of f32, bf16, f16, int8, fp8, got "f8".'],
  ['--lora', 'ink.safetensors', '--lora: expected NAME=FILE, got "ink.safetensors".'],
])('%s %s is refused', (flag, value, message) => {
  expect(() => optionsOf(flag, value)).toThrow(message)
})

test('an adapter has a name of its own', () => {
  expect(() => optionsOf('--lora', 'ink=a', '--lora', 'ink=b')).toThrow('--lora: expected each name once')
  expect(() => optionsOf('--lora', 'ink=a', '--lora-2', 'ink=b')).toThrow(
    '--lora-2: expected a name of its own',
  )
})

test('the command serves until it is interrupted', async () => {
  const written: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation(text => {
    written.push(String(text))
    return true
  })
  const args = ['--port', '0', '--folder', scratchFolder(), '--no-device', '--log-level', 'silent']
  const ended = serveCommand(openJobs).parseAsync(args, { from: 'user' })
  await vi.waitFor(() => expect(written.join('')).toContain('listening on '), { timeout: 20_000 })
  const [, url] = /listening on (\S+)/.exec(written.join(''))!
  expect((await fetch(`${url}/health`)).status).toBe(200)
  process.emit('SIGTERM')
  await ended
  await expect(fetch(`${url}/health`)).rejects.toThrow()
})
