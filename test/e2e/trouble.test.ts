/** What a machine does to a run: full disks, too little memory, readers that go away. */
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../scratch.ts'
import { bash, builtIn, prompt, root, start, withoutNotices } from './run-cli.ts'

const folder = scratchFolder()
const linux = process.platform === 'linux'
const short = `'${prompt}' --steps 1 --frames 5 --seed 1`

describe('a disk that is full', () => {
  /** In a disk of 8 kB that only this script sees, and that ends with it. */
  const onSmallDisk = (script: string) =>
    `unshare --user --map-root-user --mount bash -c 'mkdir -p small && mount -t tmpfs -o size=8k none small && cd small && ${script.replaceAll("'", `'\\''`)}'`
  const hasNamespaces = linux && succeeds('unshare', ['--user', '--map-root-user', '--mount', 'true'])

  test.skipIf(!hasNamespaces).each(['a.mp4', 'a.gif', 'pictures/'])(
    'ends the writing of %s with a message and nothing left',
    async output => {
      const script = `$FRAMEWRIGHT generate ${short} --upscale 8:lanczos --quiet -o ${output}; code=$?; ls -A; exit $code`
      const { code, stdout, stderr } = await bash(folder, onSmallDisk(script))
      expect(withoutNotices(stderr)).toBe(
        `error: ${output}: expected free space on the disk, got a full disk (ENOSPC). Free some space, or write to another disk.\n`,
      )
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    },
  )

  test.skipIf(!hasNamespaces)('keeps the video when only its latents do not fit', async () => {
    const script = `$FRAMEWRIGHT generate ${short} --size 128x128 --quiet -o ../kept.mp4 --save-latents big.safetensors; code=$?; ls -A; exit $code`
    const { code, stdout, stderr } = await bash(folder, onSmallDisk(script))
    expect(withoutNotices(stderr)).toMatch(
      /^error: big\.safetensors: expected free space on the disk, got a full disk \(ENOSPC\)\./,
    )
    expect({ code, stdout }).toEqual({ code: 1, stdout: '../kept.mp4\n' })
    expect(statSync(path.join(folder, 'kept.mp4')).size).toBeGreaterThan(1000)
  })

  test.skipIf(!hasNamespaces)('ends an export with a message and nothing left', async () => {
    const script = '$FRAMEWRIGHT export doodle --copy -o exported; code=$?; ls -A; exit $code'
    const { code, stdout, stderr } = await bash(folder, onSmallDisk(script))
    expect(withoutNotices(stderr)).toMatch(
      /^error: exported: expected free space on the disk, got a full disk \(ENOSPC\)/,
    )
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })

  test.skipIf(!linux)('or a limit of file sizes ends all videos of a run', async () => {
    const several = `--count 3 --lanes 2 --upscale 8:lanczos --quiet -o large-{index}.gif`
    const { code, stdout, stderr } = await bash(
      folder,
      `ulimit -f 8; $FRAMEWRIGHT generate ${short} ${several}`,
    )
    expect(withoutNotices(stderr)).toMatch(
      /^error: large-\d\.gif: expected a file of any size to be allowed, got the size limit of files \(EFBIG\)\. Raise it \(ulimit -f\), or write less\.\n$/,
    )
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(readdirSync(folder).filter(name => name.includes('large'))).toEqual([])
  })
})

test.skipIf(!linux)('a machine with too little memory is told so in a line', async () => {
  const large = `'${prompt}' --steps 1 --size 1024x1024 --frames 81 --threads 1 --quiet -o memory.mp4`
  const { code, stdout, stderr } = await bash(folder, `ulimit -v 2500000; $FRAMEWRIGHT generate ${large}`)
  expect(withoutNotices(stderr)).toMatch(
    /^error: [\w-]+: expected enough memory, got .*\. Make fewer frames or a smaller size, or free memory\.\n$/,
  )
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(readdirSync(folder).filter(name => name.includes('memory'))).toEqual([])
})

describe('a reader that goes away', () => {
  test('does not keep the video from being made', async () => {
    const script = `$FRAMEWRIGHT generate ${short} --json -o piped.gif | head -n 1; exit \${PIPESTATUS[0]}`
    const { code, stdout, stderr } = await bash(folder, script)
    expect({ code, stderr: withoutNotices(stderr) }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ type: 'start' })
    expect(readFileSync(path.join(folder, 'piped.gif')).subarray(0, 4).toString()).toBe('GIF8')
  })

  test.each(['--help', 'inspect', 'doctor'])('from %s is no error', async command => {
    const { code, stderr } = await bash(folder, `$FRAMEWRIGHT ${command} | true; exit \${PIPESTATUS[0]}`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

function succeeds(program: string, words: readonly string[]): boolean {
  try {
    execFileSync(program, words, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('a weights file that is cut while a video is made of it', () => {
  test('ends the command with the name of the file, and nothing left', async () => {
    const model = path.join(folder, 'cut-model')
    cpSync(builtIn, model, { recursive: true, dereference: true })
    const weights = path.join(model, 'transformer/diffusion_pytorch_model.safetensors')
    const words = ['generate', prompt, '--model', model, '--steps', '200', '--json', '-o', 'cut.mp4']
    const command = start(folder, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    command.stderr!.on('data', (text: Buffer) => {
      stderr += text
    })
    command.stdout!.on('data', (text: Buffer) => {
      const before = stdout.includes('step-end')
      stdout += text
      if (!before && stdout.includes('step-end')) truncateSync(weights, 1000)
    })
    const code = await new Promise(resolve => command.on('exit', resolve))
    expect(`${stdout}${stderr}`).toContain(weights)
    expect(`${stdout}${stderr}`).toContain('1000 bytes instead of')
    expect(code).toBe(1)
    expect(readdirSync(folder).filter(name => name.includes('cut.'))).toEqual([])
  })
})

describe.runIf(linux)('a current folder that was removed', () => {
  const inRemoved = (script: string) => `mkdir gone && cd gone && rmdir ../gone && timeout 20 ${script}`

  test.each(['doctor', `generate ${short} -o ../gone.mp4`])('is what %s tells of', async words => {
    expect(await bash(folder, inRemoved(`$FRAMEWRIGHT ${words}`))).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: current folder: expected one that exists, got a removed one. Change to another: cd ~\n',
    })
  })

  test('fails the messages of a lane whose thread cannot start, and the next lane starts one', async () => {
    const program = `
      import { chdir } from 'node:process'
      import { LaneThread } from ${JSON.stringify(path.join(root, 'dist/src/runtime/lane-thread.js'))}
      const lane = new LaneThread()
      for (const name of ['start', 'reset']) await lane.send(name).catch(error => console.log(error.syscall))
      await lane[Symbol.asyncDispose]()
      chdir('/')
      const next = new LaneThread()
      console.log(await next.send('start'))
      await next[Symbol.asyncDispose]()`
    writeFileSync(path.join(folder, 'lane.mjs'), program)
    const end = await bash(folder, inRemoved('node "$OLDPWD/lane.mjs"'))
    expect(end).toEqual({ code: 0, stdout: 'uv_cwd\nuv_cwd\nundefined\n', stderr: '' })
  })
})
