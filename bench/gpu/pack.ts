/**
 * Packs what `run` needs on a box without a network: `node dist/bench/gpu/pack.js --diffusers CHECKOUT`. It needs `npm run
 * build`, `build:native` and `build:kernels`, the CUDA provider (`framewright setup cuda`, or --provider), tar and xz.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { providerLibraries, runtimeFolder } from '../../src/runtime/cuda-provider.ts'
import { partsOf, productionPackages } from './pack-list.ts'
import { slimLibrary } from './slim-library.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url)) // from dist/bench/gpu
const { values } = parseArgs({
  options: {
    output: { type: 'string', default: path.join(root, 'bench', 'gpu', 'kit') },
    architecture: { type: 'string', default: '90' },
    provider: { type: 'string', default: runtimeFolder() },
    diffusers: { type: 'string' },
    level: { type: 'string', default: '6' },
  },
})

/** Bytes of a part at most. */
const partBytes = 46_000_000

const output = path.resolve(values.output)
const staging = mkdtempSync(path.join(tmpdir(), 'framewright-kit-'))
try {
  rmSync(output, { recursive: true, force: true })
  mkdirSync(output, { recursive: true })
  packNode()
  packRuntime()
  packProvider()
  if (values.diffusers !== undefined) packDiffusers(path.resolve(values.diffusers))
  for (const name of readdirSync(output)) {
    console.log(`${name}  ${(statSync(path.join(output, name)).size / 1e6).toFixed(1)} MB`)
  }
} finally {
  rmSync(staging, { recursive: true, force: true })
}

function packNode(): void {
  const folder = path.join(staging, 'node', 'bin')
  mkdirSync(folder, { recursive: true })
  cpSync(process.execPath, path.join(folder, 'node'), { dereference: true })
  spawnSync('strip', [path.join(folder, 'node')]) // smaller where there is a strip
  archive('node', path.join(staging, 'node'))
}

/** The compiled program with addon and kernels, its packages, and what the stages read. */
function packRuntime(): void {
  const target = path.join(staging, 'runtime', 'framewright')
  const need = (file: string, command: string) => {
    if (!existsSync(path.join(root, file)))
      throw new Error(`${file}: expected it, got none. Run "${command}".`)
  }
  need('kernels/addon/build/framewright_native.node', 'npm run build:native')
  need('kernels/library/build/framewright_kernels.so', 'npm run build:kernels')
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'))
  const packages = productionPackages(lock.packages).filter(name => existsSync(path.join(root, name)))
  const others = [
    'package.json',
    'dist/src',
    'dist/models',
    'dist/kernels',
    'dist/bench',
    'dist/onnxruntime',
    'kernels/addon/build/framewright_native.node',
    'kernels/library/build/framewright_kernels.so',
    'kernels/library/build/kernels',
    'models/doodle/checkpoint',
    'test/fixtures/goldens/wan21-t2v',
    'bench/peers',
  ]
  for (const name of [...others, ...packages]) {
    const isWanted = (file: string) =>
      !/\.(d\.[cm]?ts|map|md)$|linux\/arm64|providers_\w+\.so$|libnv\w+\.so\.10$/.test(file)
    cpSync(path.join(root, name), path.join(target, name), { recursive: true, filter: isWanted })
  }
  archive('runtime', path.join(staging, 'runtime'))
}

/** The CUDA provider with the code of one architecture. */
function packProvider(): void {
  const place = path.join('framewright', path.relative(root, runtimeFolder()))
  const target = path.join(staging, 'provider', place)
  mkdirSync(target, { recursive: true })
  for (const name of providerLibraries) {
    const library = readFileSync(path.join(values.provider, name))
    if (name === providerLibraries[0]) {
      const { keptBytes, cutBytes } = slimLibrary(library, Number(values.architecture))
      const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
      console.log(`${name}: ${megabytes(keptBytes)} of code kept, ${megabytes(cutBytes)} cut`)
    }
    writeFileSync(path.join(target, name), library)
    chmodSync(path.join(target, name), 0o755)
  }
  archive('provider', path.join(staging, 'provider'))
}

/** What `import diffusers` needs of a checkout. */
function packDiffusers(checkout: string): void {
  const target = path.join(staging, 'diffusers', 'diffusers')
  const source = path.join(checkout, 'src', 'diffusers')
  cpSync(source, path.join(target, 'diffusers'), {
    recursive: true,
    filter: file => !file.includes('__pycache__'),
  })
  archive('diffusers', path.join(staging, 'diffusers'))
}

/** `<name>.tar.xz.00` and on, each of a part's size at most. */
function archive(name: string, folder: string): void {
  const whole = path.join(staging, `${name}.tar.xz`)
  const compressor = ['-I', `xz -T0 -${Number(values.level)}`]
  execFileSync('tar', [...compressor, '-cf', whole, '-C', folder, '.'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  for (const [part, bytes] of partsOf(readFileSync(whole), partBytes).entries()) {
    writeFileSync(path.join(output, `${name}.tar.xz.${String(part).padStart(2, '0')}`), bytes)
  }
}
