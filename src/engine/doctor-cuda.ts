import { messageOf } from '../errors.ts'
import {
  cudnnVersion,
  isAtLeast,
  locateCudaLibraries,
  oldestCudnn,
  oldestDriver,
} from '../runtime/cuda-libraries.ts'
import { cudaProviderInstalled, isOfVersion, providerFile, runtimeVersion } from '../runtime/cuda-provider.ts'
import type { Device } from '../runtime/device.ts'
import { loadNativeBinding } from '../runtime/native-binding.ts'
import { type NativeParts, nativeParts } from '../runtime/native-parts.ts'
import { missingTensorRt } from '../runtime/tensorrt-provider.ts'
import { capabilityFindings } from './compute-capability.ts'
import type { Finding } from './finding.ts'
import { type Gpu, nvidiaGpus } from './nvidia-gpus.ts'

/**
 * What making videos on an NVIDIA GPU needs, from the driver up, and whether it works. A machine can do without all
 * of it: nothing here is broken.
 * @param run computes something on a device; gives the problem if there is one
 */
export async function cudaFindings(run: (device: Device) => Promise<string | undefined>): Promise<Finding[]> {
  const gpus = await nvidiaGpus()
  if (gpus.length === 0 && !cudaProviderInstalled()) {
    const none: Finding = { subject: 'gpu', status: 'note', detail: 'none: videos are made on the CPU' }
    return [none, ...idleFindings(nativeParts())]
  }
  const needed = [await providerFinding(), librariesFinding(), cudnnFinding()]
  const native = nativeParts()
  const parts = [
    ...gpuFindings(gpus),
    ...capabilityFindings(gpus, native.kernels),
    ...needed,
    ...nativeFindings(native),
    tensorRtFinding(),
  ]
  // Where a library is missing the runtime may end the process. Containers may do without nvidia-smi.
  if (needed.some(({ status }) => status !== 'ok')) return parts
  const problem = await run({ type: 'cuda', index: 0 })
  if (problem === undefined) return [...parts, { subject: 'cuda', status: 'ok', detail: 'runs' }]
  const fix = 'Check with nvidia-smi that the GPU is free, and install the libraries anew.'
  return [...parts, { subject: 'cuda', status: 'note', detail: problem, fix }]
}

/**
 * What of ours was built for a GPU, and so is used on one. Neither is needed.
 * @param load tries the addon; throws where it does not load
 */
export function nativeFindings(
  { addon, kernels }: NativeParts,
  load: () => unknown = loadNativeBinding,
): Finding[] {
  const backend = addonFinding(addon, load)
  return [backend, kernelsFinding(backend.status === 'ok', kernels)]
}

/** The same where there is no GPU to use them on: nothing is to be done. */
export function idleFindings({ addon, kernels }: NativeParts): Finding[] {
  const finding = (subject: string, built: boolean): Finding => {
    const detail = `${built ? 'built' : 'not built'}, not used: only a GPU uses it`
    return { subject, status: 'note', detail }
  }
  return [finding('native backend', addon), finding('kernel library', kernels !== undefined)]
}

function addonFinding(built: boolean, load: () => unknown): Finding {
  const subject = 'native backend'
  const fix = 'npm run build:native'
  if (!built) {
    return { subject, status: 'note', detail: 'not built: onnxruntime-node is used on a GPU', fix }
  }
  try {
    load()
    return { subject, status: 'ok', detail: 'built, used on a GPU' }
  } catch (error) {
    return { subject, status: 'note', detail: messageOf(error), fix }
  }
}

function kernelsFinding(used: boolean, kernels: NativeParts['kernels']): Finding {
  const subject = 'kernel library'
  if (!kernels) {
    const detail = 'not built: every operator is the runtime’s'
    return { subject, status: 'note', detail, fix: 'npm run build:kernels' }
  }
  const names = [...kernels.kernels].join(', ')
  if (used) return { subject, status: 'ok', detail: `${names}, used on a GPU` }
  const detail = `${names}, not used without the native backend`
  return { subject, status: 'note', detail, fix: 'npm run build:native' }
}

/** TensorRT, which only `--device tensorrt` needs. */
export function tensorRtFinding(missing: readonly string[] = missingTensorRt()): Finding {
  const subject = 'tensorrt'
  if (missing.length === 0) return { subject, status: 'ok', detail: 'used by --device tensorrt' }
  const detail = `no ${missing.join(', ')}: only --device tensorrt needs it`
  return { subject, status: 'note', detail, fix: 'framewright setup tensorrt --from DIR' }
}

function gpuFindings(gpus: readonly Gpu[]): Finding[] {
  const subject = 'gpu'
  const fix = `Install NVIDIA's driver ${oldestDriver} or newer: https://www.nvidia.com/drivers`
  if (gpus.length === 0) return [{ subject, status: 'note', detail: 'none that nvidia-smi lists', fix }]
  return gpus.map(({ name, totalBytes, driver }) => {
    const detail = `${name}, ${totalBytes / 2 ** 20} MiB, driver ${driver}`
    if (isAtLeast(driver, [oldestDriver])) return { subject, status: 'ok', detail }
    return { subject, status: 'note', detail: `${detail}, too old for CUDA 13`, fix }
  })
}

async function providerFinding(): Promise<Finding> {
  const subject = 'cuda provider'
  const version = runtimeVersion()
  const fix = 'framewright setup cuda'
  if (!cudaProviderInstalled()) return { subject, status: 'note', detail: 'not installed', fix }
  const file = providerFile()
  if (await isOfVersion(file, version)) return { subject, status: 'ok', detail: version }
  return { subject, status: 'note', detail: `not of ONNX Runtime ${version}: ${file}`, fix }
}

function librariesFinding(): Finding {
  const subject = 'cuda libraries'
  const missing = [...locateCudaLibraries()].flatMap(([library, file]) =>
    file === undefined && library.source !== 'cudnn' ? [library] : [],
  )
  if (missing.length === 0) return { subject, status: 'ok', detail: 'all found' }
  const detail = `no ${missing.map(({ file }) => file).join(', ')}`
  const driver = missing.some(({ source }) => source === 'driver')
    ? [`Install NVIDIA's driver ${oldestDriver} or newer.`]
    : []
  const packages = missing.flatMap(library => ('package' in library ? [library.package] : []))
  const libraries = packages.length > 0 ? [installation(packages)] : []
  return { subject, status: 'note', detail, fix: [...driver, ...libraries].join(' ') }
}

function cudnnFinding(): Finding {
  const subject = 'cudnn'
  const [library, file] = [...locateCudaLibraries()].find(([{ source }]) => source === 'cudnn')!
  const wanted = oldestCudnn.join('.')
  const fix = installation([`"nvidia-cudnn-cu13>=${wanted}"`])
  if (file === undefined) return { subject, status: 'note', detail: `no ${library.file}`, fix }
  const version = cudnnVersion(file)
  if (version === undefined) {
    return {
      subject,
      status: 'ok',
      detail: `${file}, whose version is not known; ${wanted} or newer is wanted`,
    }
  }
  if (isAtLeast(version, oldestCudnn)) return { subject, status: 'ok', detail: version }
  return { subject, status: 'note', detail: `${version}, older than ${wanted}`, fix }
}

function installation(packages: readonly string[]): string {
  const names = [...new Set(packages)].join(' ')
  return `Install CUDA 13 and cuDNN 9 from NVIDIA, or run: pip install ${names}; then put the folders of the libraries on LD_LIBRARY_PATH.`
}
