/** One process has a folder, wherever the others run, and however it ended. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { lockFolder, usualLockTimes } from '../../../src/jobs/folder-lock.ts'
import { root } from '../../e2e/run-cli.ts'
import { failure, scratchFolder } from '../../scratch.ts'

const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** A process that takes the lock and says so, or why not. @param command what it is started with */
async function locker(folder: string, command: readonly string[] = []) {
  const source = `
    import { lockFolder } from './dist/src/jobs/folder-lock.js'
    await lockFolder(${JSON.stringify(folder)}).then(() => console.log('has it'), error => console.log(error.message))
    setInterval(() => {}, 1000)`
  const [program, ...words] = [...command, process.execPath, '--input-type=module', '--eval', source]
  const child = spawn(program!, words, { cwd: root })
  children.push(child)
  const said = await new Promise<string>(resolve => child.stdout.once('data', text => resolve(String(text))))
  return { child, said: said.trim() }
}

const namespaces = ['unshare', '--net', '--pid', '--ipc', '--uts', '--fork', '--kill-child']
const canUnshare = spawnSync(namespaces[0]!, [...namespaces.slice(1), 'true']).status === 0

/** As much shorter than the usual ones as a busy machine allows. */
const quick = { beatMs: 400, goneMs: 2000 }

test('a holder says every 2 s that it lives, and counts as gone after 10 s without', () => {
  expect(usualLockTimes).toEqual({ beatMs: 2000, goneMs: 10_000 })
})

describe.concurrent('a locked folder', () => {
  test('is closed to the process itself, to others, and says who has it', async () => {
    const folder = scratchFolder()
    const lock = await lockFolder(folder)
    const { code, message } = await failure(lockFolder(folder))
    expect(code).toBe('jobs/database')
    expect(message).toContain(
      `expected a folder that no other process has open, got one that process ${process.pid} on `,
    )
    expect((await locker(folder)).said).toContain('got one that process')
    await lock.release()
    await (await lockFolder(folder)).release()
  })

  test.skipIf(!canUnshare)(
    'is closed to processes of other namespaces, as of another container',
    async () => {
      const folder = scratchFolder()
      const first = await locker(folder, namespaces)
      expect(first.said).toBe('has it')
      expect((await locker(folder, namespaces)).said).toContain('got one that process')
      expect((await failure(lockFolder(folder))).code).toBe('jobs/database')
    },
  )

  test('is free at once when its process is killed, and not while it is stopped', async () => {
    const folder = scratchFolder()
    const { child, said } = await locker(folder)
    expect(said).toBe('has it')
    child.kill('SIGSTOP')
    expect((await failure(lockFolder(folder))).code).toBe('jobs/database')
    child.kill('SIGKILL')
    await new Promise(resolve => child.once('exit', resolve))
    const began = performance.now()
    const lock = await lockFolder(folder)
    expect(performance.now() - began).toBeLessThan(2000)
    await lock.release()
    expect((await readdir(folder)).filter(name => !/^\.tasks-lock\.\d+$/.test(name))).toEqual([])
  })

  test('of another machine is free when nothing more is heard of it, and no sooner', async () => {
    const folder = scratchFolder()
    const path = join(folder, '.tasks-lock.7')
    const holder = { id: 'x', pid: 1, host: 'elsewhere', kernel: 'another' }
    await writeFile(path, JSON.stringify(holder))
    const lock = () => lockFolder(folder, 'tasks', undefined, quick)
    const beat = setInterval(() => void utimes(path, new Date(), new Date()), quick.beatMs)
    expect((await failure(lock())).message).toContain('process 1 on elsewhere has')
    clearInterval(beat)
    const began = performance.now()
    await (await lock()).release()
    expect(performance.now() - began).toBeGreaterThanOrEqual(quick.goneMs)
    expect(await readdir(folder)).toEqual(['.tasks-lock.8'])
  }, 30_000)

  test('goes to one of many that come at the same time', async () => {
    const folder = scratchFolder()
    for (let round = 0; round < 5; round++) {
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)))
      const had = tries.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []))
      expect(had).toHaveLength(1)
      await had[0]!.release()
    }
  })

  test('says when it was taken by another, as after a long pause', async () => {
    const folder = scratchFolder()
    let lost = 0
    const lock = await lockFolder(folder, 'tasks', () => lost++, quick)
    const holder = { id: 'x', pid: 1, host: 'elsewhere', kernel: 'another' }
    await writeFile(join(folder, '.tasks-lock.2'), JSON.stringify(holder))
    await wait(2.5 * quick.beatMs)
    expect(lost).toBe(1)
    await lock.release()
  })
})
