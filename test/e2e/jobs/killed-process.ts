/**
 * A process with the tasks of a folder, which a test kills: says the id of every task once it is accepted, and the
 * outputs of every run that it ends. Runs against the compiled package.
 */
export const killedProcess = (database: string, storage: string) => `
  import { appendFileSync } from 'node:fs'
  import { setTimeout as wait } from 'node:timers/promises'
  import { openJobs } from './dist/src/index.js'
  import { FolderStorage } from './dist/src/jobs/folder-storage.js'
  const storage = new FolderStorage(${JSON.stringify(storage)})
  const runner = {
    models: ['m'],
    lanes: 2,
    async run({ task, report }) {
      for (let step = 1; step <= 4; step++) {
        await wait(5 + Math.random() * 20)
        report({ fraction: step / 4, stage: 'denoising', step, of: 4 })
      }
      const key = 'outputs/' + task.id + '/' + task.attempt + '-video.mp4'
      await storage.write(key, Buffer.from(task.id))
      const outputs = [{ name: 'video', key, contentType: 'video/mp4', bytes: task.id.length }]
      const result = { outputs, width: 1, height: 1, frames: 1, fps: 1, seed: '1', seconds: {}, peakMemoryBytes: 1 }
      return { type: 'succeeded', result }
    },
    async [Symbol.asyncDispose]() {},
  }
  const webhooks = { async send(id, task) { process.stdout.write('sent ' + task.id + ' ' + id + '\\n') } }
  const { jobs } = await openJobs({ database: ${JSON.stringify(database)}, storage, runner, webhooks, retries: 50, retryDelaySeconds: 0 })
  process.stdout.write('open\\n')
  process.on('SIGTERM', async () => {
    await jobs[Symbol.asyncDispose]()
    process.exit(0)
  })
  for (let i = 0; i < 400; i++) {
    const request = { model: 'm', generate: { prompt: 'x', seed: String(i) } }
    const { task } = await jobs.create({ owner: 'o', api: 'test', request, about: {}, webhook: { url: 'https://a.example/' } })
    process.stdout.write('accepted ' + task.id + '\\n')
    await wait(Math.random() * 30)
  }
`
