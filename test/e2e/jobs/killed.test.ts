/**
 * Tasks in a folder survive kill -9 of their process at any moment. FRAMEWRIGHT_TEST_KILLS says how often it is killed:
 * twice by default; 20 is what a release has to pass.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { FolderStorage } from '../../../src/jobs/folder-storage.ts'
import { openJobs } from '../../../src/jobs/open-jobs.ts'
import { finalStates, type TaskRecord } from '../../../src/jobs/task.ts'
import { scratchFolder } from '../../scratch.ts'
import { root } from '../run-cli.ts'
import { killedProcess } from './killed-process.ts'

const kills = Number(process.env.FRAMEWRIGHT_TEST_KILLS ?? 2)
const folder = scratchFolder()

/** Runs the process, and kills it so many milliseconds after it has the tasks open. @returns what it said */
async function runAndKill(ms: number): Promise<string[]> {
  const source = killedProcess(join(folder, 'database'), join(folder, 'storage'))
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], { cwd: root })
  let out = ''
  let trouble = ''
  child.stderr.on('data', text => (trouble += text))
  const ended = new Promise(resolve => child.once('close', resolve))
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`it ended: ${trouble}`)))
    child.stdout.on('data', text => {
      out += text
      if (out.includes('open\n')) resolve()
    })
  })
  await wait(ms)
  child.kill('SIGKILL')
  await ended
  return out.split('\n').slice(0, -1)
}

test(`nothing that was accepted is lost in ${kills} kills at random moments`, async () => {
  const accepted: string[] = []
  const sent: string[] = []
  for (let i = 0; i < kills; i++) {
    for (const line of await runAndKill(Math.random() * 2500)) {
      const [what, id = '', webhook = ''] = line.split(' ')
      if (what === 'accepted') accepted.push(id)
      if (what === 'sent') sent.push(`${id} ${webhook}`)
    }
  }
  expect(accepted.length).toBeGreaterThan(kills)
  const storage = new FolderStorage(join(folder, 'storage'))
  const ran: string[] = []
  const runner = {
    models: ['m'],
    lanes: 4,
    async run({ task }: { task: TaskRecord }) {
      ran.push(task.id)
      const key = `outputs/${task.id}/${task.attempt}-video.mp4`
      await storage.write(key, Buffer.from(task.id))
      const outputs = [{ name: 'video', key, contentType: 'video/mp4', bytes: task.id.length } as const]
      const rest = { width: 1, height: 1, frames: 1, fps: 1, seed: '1', seconds: {}, peakMemoryBytes: 1 }
      return { type: 'succeeded', result: { outputs, ...rest } } as const
    },
    async [Symbol.asyncDispose]() {},
  }
  const webhooks = {
    async send(id: string, { id: task }: TaskRecord) {
      sent.push(`${task} ${id}`)
    },
  }
  const database = join(folder, 'database')
  const { jobs } = await openJobs({ database, storage, runner, webhooks, retryDelaySeconds: 0 })
  await using _ = jobs
  const tasks = new Map<string, TaskRecord>()
  const waits = async (id: string) => {
    const task = await jobs.get(id)
    if (!task) throw new Error(`${id} was accepted, and is gone`)
    tasks.set(id, task)
    return !finalStates.includes(task.state)
  }
  for (const id of accepted) while (await waits(id)) await wait(50)
  expect([...tasks.values()].map(({ state, failure }) => failure ?? state)).toEqual(
    accepted.map(() => 'succeeded'),
  )
  for (const { id, attempt, result } of tasks.values()) {
    const { key } = result!.outputs[0]!
    expect(key).toBe(`outputs/${id}/${attempt}-video.mp4`)
    expect(readFileSync(storage.pathOf(key), 'utf8')).toBe(id)
  }
  // None that had ended was run again.
  expect(new Set(ran).size).toBe(ran.length)
  // Every end is announced, and a repeated announcement has the id of the first.
  for (const id of accepted) while (!sent.some(each => each.startsWith(id))) await wait(50)
  const announced = sent.filter(each => accepted.includes(each.split(' ')[0]!))
  expect(new Set(announced).size).toBe(accepted.length)
}, 900_000)

test('a folder that one process has open is closed to others', async () => {
  const options = { database: join(folder, 'database'), storage: new FolderStorage(folder) }
  const { jobs } = await openJobs(options)
  await expect(openJobs(options)).rejects.toMatchObject({ code: 'jobs/database' })
  await jobs[Symbol.asyncDispose]()
  const again = await openJobs(options)
  await again.jobs.check()
  await again.jobs[Symbol.asyncDispose]()
})
