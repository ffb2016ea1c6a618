/** What is interrupted ends in time, says so, and leaves nothing unfinished. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'
import { HubServer } from '../unit/hub/hub-server.ts'
import { framewright, main, prompt, start } from './run-cli.ts'

const folder = scratchFolder()

interface Interrupted {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** From the first signal to the end. */
  readonly ms: number
  /** What is left in the folder. */
  readonly left: readonly string[]
}

interface Circumstances {
  readonly twice?: boolean
  readonly env?: NodeJS.ProcessEnv
}

/** Starts a command, sends it a signal when its output has a text, and the second one when it has told of the first. */
async function interrupted(
  words: readonly string[],
  at: string | RegExp,
  signal: NodeJS.Signals,
  { twice = false, env = {} }: Circumstances = {},
): Promise<Interrupted> {
  const own = mkdtempSync(path.join(folder, 'run-'))
  const child = start(own, words, { env: { ...process.env, ...env } })
  const said = { out: '', err: '' }
  let began = 0
  const take = (stream: 'out' | 'err') => (text: Buffer) => {
    said[stream] += text
    if (began === 0 && said[stream].match(at)) {
      began = performance.now()
      child.kill(signal)
    }
    if (twice && stream === 'err' && said.err.includes('once more')) child.kill(signal)
  }
  child.stdout!.on('data', take('out'))
  child.stderr!.on('data', take('err'))
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { ...said, code, ms: performance.now() - began, left: readdirSync(own) }
}

const video = ['generate', prompt, '--steps', '500', '-o', 'a.mp4']
/** A step of it takes minutes. */
const slow = ['generate', prompt, '--size', '1024x1024', '--frames', '81', '--steps', '50', '-o', 'slow.webm']

describe('a run that is interrupted', () => {
  test.each<[where: string, words: readonly string[], at: string, signal: NodeJS.Signals, code: number]>([
    ['in a step', video, 'step 2/', 'SIGINT', 130],
    ['in a step, by SIGTERM', video, 'step 2/', 'SIGTERM', 143],
    ['in a step, by SIGHUP', video, 'step 2/', 'SIGHUP', 129],
    ['in a step that takes minutes', slow, 'on cpu', 'SIGINT', 130],
    [
      'in the decoding of a folder',
      ['generate', prompt, '--steps', '1', '--frames', '253', '--chunk', '1', '-o', 'pictures/'],
      'decoded 5/253',
      'SIGINT',
      130,
    ],
    [
      'on several lanes',
      [...video.slice(0, -1), 'many.gif', '--count', '5', '--lanes', '2', '--save-latents', 'l.safetensors'],
      'step 2/',
      'SIGTERM',
      143,
    ],
  ])('%s ends within 5 s and leaves nothing', async (_, words, at, signal, code) => {
    const end = await interrupted(words, at, signal)
    expect(end).toMatchObject({ code, left: [] })
    expect(end.err).toMatch(/^stopping in .+: unfinished files are removed; once more to stop at once$/m)
    expect(end.err).toMatch(new RegExp(`stopped by ${signal}.*: nothing unfinished is left\n$`))
    expect(end.err).not.toContain('error')
    expect(end.ms).toBeLessThan(5000)
  })

  test('twice ends at once', async () => {
    const end = await interrupted(slow, 'on cpu', 'SIGINT', { twice: true })
    expect(end).toMatchObject({ code: 130, left: [] })
    expect(end.ms).toBeLessThan(2000)
  })

  test('with --json says so in JSON', async () => {
    const end = await interrupted([...video, '--json'], '"step-end"', 'SIGINT')
    expect(end).toMatchObject({ code: 130, left: [] })
    expect(JSON.parse(end.out.trimEnd().split('\n').at(-1)!)).toEqual({
      type: 'error',
      code: 'cancelled',
      message: 'interrupted',
    })
  })

  test.each([0, 60, 250])('%d ms after its start leaves nothing', async ms => {
    const own = mkdtempSync(path.join(folder, 'early-'))
    const child = start(own, video)
    const closed = new Promise<number | null>(resolve => child.once('close', resolve))
    await wait(ms)
    child.kill('SIGINT')
    // Before Node.js runs our code, it ends as any program does.
    expect([130, null]).toContain(await closed)
    expect(readdirSync(own)).toEqual([])
  })
})

const resumableEnd = /stopped by SIGTERM.*: the next run goes on from here\n$/
/** Of the archive that has the CUDA provider. */
const cudaBytes = 179_145_956

async function listening(listener: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

describe('another command that is interrupted', () => {
  test('export ends within 5 s and leaves nothing', async () => {
    const own = mkdtempSync(path.join(folder, 'export-'))
    const child = start(own, ['export', 'doodle', '-o', 'doodle-onnx', '--copy'])
    const closed = once(child, 'close')
    const stderr = text(child.stderr!)
    while (readdirSync(own).length === 0) await wait(2)
    const began = performance.now()
    child.kill('SIGTERM')
    expect(await closed).toEqual([143, null])
    expect(await stderr).toMatch(/stopped by SIGTERM.*: nothing unfinished is left\n$/)
    expect(performance.now() - began).toBeLessThan(5000)
    expect(readdirSync(own)).toEqual([])
  })

  test('models pull ends within 5 s, and the next one goes on from there', async () => {
    const file = 'vae/diffusion_pytorch_model.safetensors'
    const files = {
      'model_index.json': Buffer.from('{ "vae": ["diffusers", "AutoencoderKLWan"] }'),
      [file]: randomBytes(400_000),
    }
    await using hub = await HubServer.start('someone/slow', files)
    hub.faults.set(file, [{ hangAfter: 300_000 }])
    const env = { HF_ENDPOINT: hub.endpoint, HF_TOKEN: '', FRAMEWRIGHT_HOME: path.join(folder, 'pulled') }
    const words = ['models', 'pull', 'someone/slow', '--json']
    const end = await interrupted(words, /progress.*vae/, 'SIGTERM', { env })
    expect(end).toMatchObject({ code: 143, err: expect.stringMatching(resumableEnd) })
    expect(end.ms).toBeLessThan(5000)
    const next = await framewright(folder, words, { ...process.env, ...env })
    expect(next.code).toBe(0)
    expect(hub.requestsFor(file).at(-1)!.range).toMatch(/^bytes=[1-9]\d*-$/)
  })

  test('setup cuda ends within 5 s, and the next one goes on from there', async () => {
    const ranges: (string | undefined)[] = []
    await using registry = await listening((request, response) => {
      const { range } = request.headers
      ranges.push(range)
      const start = Number(range?.match(/\d+/)?.[0] ?? 0)
      const part = { 'content-range': `bytes ${start}-${cudaBytes - 1}/${cudaBytes}` }
      response.writeHead(range ? 206 : 200, { 'content-length': cudaBytes - start, ...(range && part) })
      response.write(Buffer.alloc(300_000))
    })
    const env = { npm_config_registry: registry.url, FRAMEWRIGHT_HOME: path.join(folder, 'set-up') }
    const run = () => interrupted(['setup', 'cuda', '--json'], 'file-progress', 'SIGTERM', { env })
    const end = await run()
    expect(end).toMatchObject({ code: 143, err: expect.stringMatching(resumableEnd) })
    expect(end.ms).toBeLessThan(5000)
    await run()
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)])
  })

  test.each<[name: string, words: readonly string[], at: string]>([
    ['eval', ['eval', '--prompts', '5'], '1/'],
    ['bench', ['bench', 'step', '--size', '512x512', '--repeat', '50'], 'measuring step'],
  ])('%s ends within 5 s', async (_, words, at) => {
    const end = await interrupted(words, at, 'SIGTERM')
    expect(end.code).toBe(143)
    expect(end.err).toMatch(/stopped by SIGTERM.*: nothing unfinished is left\n$/)
    expect(end.ms).toBeLessThan(5000)
  })
})

test('a program that is killed takes its command and unfinished files along', async () => {
  const own = mkdtempSync(path.join(folder, 'killed-'))
  const child = start(own, slow)
  const ended = new Promise(resolve => child.once('close', resolve))
  for await (const text of child.stderr!) if (String(text).includes('on cpu')) break
  child.kill('SIGKILL')
  await ended
  for (let tries = 0; tries < 100 && readdirSync(own).length > 0; tries++) await wait(50)
  expect(readdirSync(own)).toEqual([])
})

test.runIf(process.platform === 'linux').each<NodeJS.Signals>(['SIGKILL', 'SIGTERM'])(
  'a program that %s ends while its command starts takes the command along',
  async signal => {
    const own = mkdtempSync(path.join(folder, 'starting-'))
    const child = start(own, ['generate', prompt, '--steps', '1', '-o', 'a.mp4'])
    const ended = once(child, 'close')
    while (childrenOf(child.pid!).length === 0) await wait(1)
    child.kill(signal)
    // The output is closed when the last process that writes to it has ended.
    await ended
    expect(readdirSync(own)).toEqual([])
  },
)

/** Flags of a server that needs no device, on a port of its own. */
function serveFlags(own: string): string[] {
  return ['serve', '--port', '0', '--no-device', '--folder', path.join(own, 'tasks')]
}

/** The processes that a process has started. */
function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}

/** Sends a signal once the server is ready, and waits until no process has its output any more. */
async function stopServer(child: ReturnType<typeof start>, stop: () => void): Promise<string> {
  let err = ''
  const closed = once(child, 'close')
  child.stdout!.resume()
  child.stderr!.on('data', text => {
    const before = /^ready$/m.test(err)
    err += text
    if (!before && /^ready$/m.test(err)) stop()
  })
  await closed
  return err
}

describe.runIf(process.platform === 'linux')('a server', () => {
  test.each<[name: string, words: readonly string[]]>([
    ['npx', ['npx', '--no', '--', 'framewright']],
    ['npm run', ['npm', 'run', 'video', '--']],
  ])('that %s started ends with it', async (_, [program, ...words]) => {
    const own = mkdtempSync(path.join(folder, 'npm-'))
    mkdirSync(path.join(own, 'node_modules/.bin'), { recursive: true })
    symlinkSync(main, path.join(own, 'node_modules/.bin/framewright'))
    writeFileSync(path.join(own, 'package.json'), '{ "scripts": { "video": "framewright" } }')
    const child = spawn(program!, [...words, ...serveFlags(own)], { cwd: own })
    const err = await stopServer(child, () => child.kill('SIGTERM'))
    expect(err).toContain('stopping: what is running is handed back')
  })

  test.each<[which: string, pidOf: (pid: number) => number]>([
    ['its first process', pid => pid],
    ['the process that listens', pid => childrenOf(pid)[0]!],
  ])('that %s is asked to end ends', async (_, pidOf) => {
    const own = mkdtempSync(path.join(folder, 'asked-'))
    const child = start(own, serveFlags(own))
    const err = await stopServer(child, () => process.kill(pidOf(child.pid!), 'SIGTERM'))
    expect(err).toMatch(/^listening on .*\n.*\nready\nstopping: [^\n]*\n$/)
    expect(child.exitCode).toBe(0)
  })

  test('whose processes all get one signal, as from a terminal, is asked once', async () => {
    const own = mkdtempSync(path.join(folder, 'terminal-'))
    const child = start(own, serveFlags(own), { detached: true })
    const err = await stopServer(child, () => process.kill(-child.pid!, 'SIGINT'))
    expect(err).toMatch(/ready\nstopping: [^\n]*\n$/)
    expect(child.exitCode).toBe(0)
  })

  test('that nohup keeps outlives the shell that started it, without a package manager', async () => {
    const own = mkdtempSync(path.join(folder, 'nohup-'))
    const line = ['node', main, ...serveFlags(own)].map(word => `'${word}'`).join(' ')
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
    const script = `nohup ${line} > out.log 2> err.log & echo $!; sleep 1`
    const shell = spawn('sh', ['-c', script], { cwd: own, env })
    const pid = Number(await text(shell.stdout))
    const log = () => readFileSync(path.join(own, 'err.log'), 'utf8')
    try {
      for (let tries = 0; tries < 400 && !/^ready$/m.test(log()); tries++) await wait(100)
      const [, url] = /^listening on (\S+)$/m.exec(log())!
      expect((await fetch(`${url}/health`)).status).toBe(200)
    } finally {
      process.kill(pid, 'SIGTERM')
    }
    for (let tries = 0; tries < 400 && !log().includes('stopping'); tries++) await wait(100)
    expect(log()).toContain('stopping')
  })
})
