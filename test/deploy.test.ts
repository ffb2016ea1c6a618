/** The example deployments: they can be read, and what they run is what the command line takes. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { createProgram } from '../src/cli/program.ts'

const service = z.object({
  image: z.string(),
  command: z.array(z.string()).exactOptional(),
  volumes: z.array(z.string()).exactOptional(),
  depends_on: z.record(z.string(), z.object({ condition: z.literal('service_healthy') })).exactOptional(),
  stop_grace_period: z
    .string()
    .regex(/^\d+s$/)
    .exactOptional(),
})
const compose = z.object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
const deployment = z.object({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  spec: z.object({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.object({
        terminationGracePeriodSeconds: z.int(),
        containers: z.array(
          z.object({
            command: z.array(z.string()),
            env: z.array(z.object({ name: z.string() })),
            volumeMounts: z.array(z.object({ name: z.string() })),
          }),
        ),
        volumes: z.array(z.object({ name: z.string() })),
      }),
    }),
  }),
})

const read = (name: string) => readFileSync(`deploy/${name}`, 'utf8')
const { services, volumes } = compose.parse(parse(read('compose.yaml')))
const kubernetes = deployment.parse(parse(read('kubernetes.yaml'))).spec
const pod = kubernetes.template.spec
const unit = read('framewright-worker.service')
const settings = new Map([...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]))

const commands: readonly (readonly [string, readonly string[]])[] = [
  ...Object.entries(services).flatMap(([name, { command }]) =>
    command ? [[`compose.yaml: ${name}`, command] as const] : [],
  ),
  ...pod.containers.map(({ command }) => ['kubernetes.yaml', command] as const),
  ['framewright-worker.service', settings.get('ExecStart')!.split(' ').slice(1)],
]

/** A word with its variables filled in, as Compose, Kubernetes and systemd do it. */
function expanded(word: string): string {
  const address = word.replace(/^\$[({]DATABASE_URL[)}]$/, 'postgres://user:password@host/database')
  return address.replace(/\$[({]\w+[^)}]*[)}]/g, 'value')
}

/** The flags of a command line as the command reads them. */
async function flagsOf([program, name, ...words]: readonly string[]): Promise<Record<string, unknown>> {
  expect(program).toBe('framewright')
  const command = (await createProgram()).commands.find(each => each.name() === name)!
  const { operands, unknown } = command.parseOptions(words.map(expanded))
  expect([...operands, ...unknown]).toEqual([])
  return command.opts()
}

test.each(commands)('%s runs a command that there is, with flags that it has', async (_, words) => {
  const flags = await flagsOf(words)
  expect(flags.database).toMatch(/^postgres:\/\//)
  expect(flags.storage).toMatch(/^\//)
})

describe('a worker is given the time that it drains for', () => {
  const drain = async (words: readonly string[]) => (await flagsOf(words)).drainSeconds as number

  test('by systemd, which asks the worker alone, not its engine hosts', async () => {
    expect(Number(settings.get('TimeoutStopSec'))).toBeGreaterThan(await drain(commands.at(-1)![1]))
    expect(settings.get('KillMode')).toBe('mixed')
    expect(settings.get('KillSignal')).toBe('SIGTERM')
  })

  test('by Compose', async () => {
    const { command, stop_grace_period: grace } = services.worker!
    expect(Number.parseInt(grace!, 10)).toBeGreaterThan(await drain(command!))
  })

  test('by Kubernetes', async () => {
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(await drain(pod.containers[0]!.command))
  })
})

test('names within a file are those of things that it has', () => {
  for (const each of Object.values(services)) {
    for (const volume of each.volumes ?? []) expect(Object.keys(volumes)).toContain(volume.split(':')[0])
    for (const needed of Object.keys(each.depends_on ?? {})) expect(Object.keys(services)).toContain(needed)
  }
  expect(kubernetes.template.metadata.labels).toMatchObject(kubernetes.selector.matchLabels)
  const mounted = pod.containers.flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name))
  expect(mounted).toEqual(pod.volumes.map(({ name }) => name))
  expect(pod.containers[0]!.env.map(({ name }) => name)).toContain('DATABASE_URL')
})
