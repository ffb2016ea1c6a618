import { stat, statfs } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { messageOf } from '../errors.ts'
import { freeHostMemory, totalHostMemory } from '../host-memory.ts'
import { modelsFolder } from '../hub/environment.ts'
import { listModels } from '../hub/models.ts'
import { codecs } from '../media/codecs.ts'
import { runtimeVersion } from '../runtime/cuda-provider.ts'
import type { Device } from '../runtime/device.ts'
import { cudaFindings } from './doctor-cuda.ts'
import type { EngineParts } from './engine.ts'
import type { Finding } from './finding.ts'
import { resolveModel } from './model-name.ts'
import { packageFolder, packageVersion } from './package-info.ts'
import { tryDevice } from './try-device.ts'

export interface Diagnosis {
  /** Whether videos can be made on this machine's CPU. */
  readonly ready: boolean
  /** Where videos are made when no device is named: on a GPU where one works, else on the CPU. */
  readonly device: 'cpu' | 'cuda:0'
  readonly findings: readonly Finding[]
}

/** The oldest Node.js that the package runs on. */
const oldestNode = [20, 9] as const

/** Looks at everything that making a video needs, by using it. It never throws: what is wrong is in the findings. */
export async function diagnoseInstallation(createBackend: EngineParts['createBackend']): Promise<Diagnosis> {
  const run = async (device: Device) => {
    return await tryDevice(createBackend, device).then(() => undefined, messageOf)
  }
  const cuda = await cudaFindings(run)
  const checks = [
    { subject: 'framewright', status: 'ok', detail: packageVersion() } satisfies Finding,
    nodeFinding(),
    runtimeFinding(),
    cpuFinding(run),
    ...cuda,
    memoryFinding(),
    builtInFinding(),
    codecFinding(),
    modelsFinding(),
  ]
  const findings = await Promise.all(checks)
  const ready = findings.every(({ status }) => status !== 'broken')
  const device = cuda.some(({ subject, status }) => subject === 'cuda' && status === 'ok') ? 'cuda:0' : 'cpu'
  return { ready, device, findings }
}

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const recent = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])
  const detail = `${process.versions.node} on ${process.platform} ${process.arch}`
  if (recent) return { subject: 'node', status: 'ok', detail }
  const fix = `Install Node.js ${oldestNode.join('.')} or newer: https://nodejs.org`
  return { subject: 'node', status: 'broken', detail, fix }
}

/** The native parts of the runtime must be of the version that the package was made with. */
function runtimeFinding(): Finding {
  const require = createRequire(import.meta.url)
  const subject = 'onnxruntime'
  const wanted = (require('framewright/package.json') as { dependencies: Record<string, string> })
    .dependencies['onnxruntime-common']
  try {
    const version = runtimeVersion()
    if (version === wanted) return { subject, status: 'ok', detail: version }
    return { subject, status: 'broken', detail: `${version} instead of ${wanted}`, fix: reinstall }
  } catch (error) {
    return { subject, status: 'broken', detail: messageOf(error), fix: reinstall }
  }
}

const reinstall = `npm ci --prefix ${packageFolder()}`

async function cpuFinding(run: (device: Device) => Promise<string | undefined>): Promise<Finding> {
  const problem = await run({ type: 'cpu' })
  const cores = availableParallelism()
  if (problem === undefined) {
    return { subject: 'cpu', status: 'ok', detail: `${cores} ${cores === 1 ? 'core' : 'cores'}` }
  }
  return { subject: 'cpu', status: 'broken', detail: problem, fix: reinstall }
}

function memoryFinding(): Finding {
  return {
    subject: 'memory',
    status: 'ok',
    detail: `${gib(freeHostMemory())} free of ${gib(totalHostMemory())}`,
  }
}

async function builtInFinding(): Promise<Finding> {
  const folder = await resolveModel()
  const subject = 'built-in model'
  const found = await stat(path.join(folder, 'model_index.json')).catch(() => undefined)
  if (found) return { subject, status: 'ok', detail: folder }
  return { subject, status: 'broken', detail: `nothing at ${folder}`, fix: reinstall }
}

async function codecFinding(): Promise<Finding> {
  const { video, pictures, problems } = await codecs()
  const writes = [
    ...video.flatMap(({ codec, encodes }) => (encodes ? [codec] : [])),
    ...pictures.flatMap(({ format, writes }) => (writes ? [format] : [])),
  ]
  const subject = 'codecs'
  if (writes.includes('avc') && writes.includes('png')) {
    return { subject, status: 'ok', detail: `writes ${writes.join(', ')}` }
  }
  const detail = [...problems, `writes ${writes.join(', ') || 'nothing'}`].join('; ')
  return { subject, status: 'broken', detail, fix: `${reinstall} --include=optional` }
}

async function modelsFinding(): Promise<Finding> {
  const folder = modelsFolder()
  const models = await listModels({ folder }).catch(() => [])
  const bytes = models.reduce((sum, model) => sum + model.bytes, 0)
  const free = await freeSpace(folder)
  const detail = `${models.length} (${gib(bytes)}) in ${folder}, ${gib(free)} free`
  return { subject: 'pulled models', status: 'ok', detail }
}

/** Bytes on the disk of a folder, or of the nearest one above it that exists. */
async function freeSpace(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch (error) {
    const above = path.dirname(folder)
    if (above === folder) throw error
    return await freeSpace(above)
  }
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}
