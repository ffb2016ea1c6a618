import path from 'node:path'
import type { Task } from './tasks.ts'

export interface StageOptions {
  /** The folder that has `dist`, `bench` and `test`. */
  readonly root: string
  /** A folder for weights, in memory where that is large enough. */
  readonly weights: string
  /** A folder for what tasks write. */
  readonly output: string
  readonly device: string
  readonly size: string
  readonly frames: number
  /** So many layers in the place of all; for trials. */
  readonly layers?: number
  /** The kernels that were built, by folder. */
  readonly kernels: readonly string[]
}

/** How the programs of the kit are called. */
export function kitTasks({ root, weights, output, device, size, frames, kernels }: StageOptions) {
  const compiled = (...parts: string[]) => path.join(root, 'dist', ...parts)
  const script = (name: string) => path.join(root, 'bench', 'peers', name)
  const main = compiled('src', 'cli', 'main.js')
  const shape = ['--device', device, '--size', size, '--frames', String(frames)]
  const folderOf = (model: string, words: readonly string[]) => {
    const at = words.indexOf('--layers')
    return path.join(weights, at < 0 ? model : `${model}-${words[at + 1]}`)
  }
  const task = (program: Task['program'], name: string, words: readonly string[]): Task => {
    return { name, program, words }
  }
  return {
    /**
     * A script of this folder: of the machine, or of one thing that has to be right.
     * @param leftOut a kernel that the networks do without
     */
    own: (name: string, what?: string, leftOut?: string): Task => ({
      ...task('node', leftOut === undefined ? (what ?? name) : `${what} without ${leftOut}`, [
        compiled('bench', 'gpu', `${name}.js`),
        device,
        ...(what ? [what] : []),
      ]),
      ...(what && { check: (result: unknown) => (result as { wrong?: string }).wrong }),
      ...(leftOut !== undefined && { variables: without(leftOut) }),
    }),
    /** It finds fault with the kit, which has no codecs, and says so by its status. */
    doctor: (): Task => ({ ...task('node', 'doctor', [main, 'doctor', '--json']), exitsWith: 1 }),
    limits: (): Task => task('python', 'limits', [script('torch_limits.py'), '--device', device]),
    /**
     * @param model a published one with random weights; the built-in one where there is none
     * @param leftOut a kernel that its graphs do without
     */
    bench: (
      name: string,
      what: string,
      model: string | undefined,
      words: readonly string[],
      leftOut?: string,
    ): Task => {
      const json = path.join(output, `${name.replaceAll(/[^\w]+/g, '-')}.json`)
      const synthetic = [
        '--synthetic',
        model ?? '',
        '--stored',
        'bf16',
        '--folder',
        folderOf(model ?? '', words),
      ]
      const flags = [
        ...shape,
        ...(model === undefined ? [] : synthetic),
        ...(words.includes('--repeat') ? [] : ['--repeat', '3']),
        ...words,
      ]
      const expected = kernels.filter(each => each !== leftOut)
      const check = (report: unknown) => backendFault(report, device, expected)
      return {
        ...task('node', name, [main, 'bench', what, ...flags, '--json', json]),
        ...{ json, check },
        ...(leftOut !== undefined && { variables: without(leftOut) }),
      }
    },
    peer: (name: string, folder: string, words: readonly string[]): Task =>
      task('python', name, [
        script('diffusers_step.py'),
        path.join(weights, folder),
        ...shape,
        ...['--repeat', '3', '--name', folder],
        ...words,
      ]),
  }
}

/** Variables of a program whose graphs do without a kernel, and without those that this one's already do without. */
function without(kernel: string): Readonly<Record<string, string>> {
  const others = process.env.FRAMEWRIGHT_WITHOUT_KERNELS
  return { FRAMEWRIGHT_WITHOUT_KERNELS: others ? `${others},${kernel}` : kernel }
}

/** Why a report is not of what is to be measured: on a GPU the native backend with exactly these kernels. */
export function backendFault(
  report: unknown,
  device: string,
  kernels: readonly string[],
): string | undefined {
  if (device === 'cpu') return undefined
  const { backend, kernels: used } = (report as { settings: Readonly<Record<string, unknown>> }).settings
  if (backend !== 'native') return `backend: expected native, got ${backend}`
  if (kernels.length === 0) return 'kernels: expected a library of ours, got none'
  const found = String(used).split(' ').filter(Boolean)
  const listed = (names: readonly string[]) => names.toSorted().join(', ') || 'none'
  return listed(found) === listed(kernels)
    ? undefined
    : `kernels: expected ${listed(kernels)}, got ${listed(found)}`
}
