/**
 * Stand-ins for the libraries of CUDA and cuDNN, made of what the provider imports from them. With them ONNX Runtime's
 * real CUDA provider loads on a machine without a GPU and decides all that it decides before kernels run: which
 * nodes it takes, what it allocates and copies, which kernels it launches. They compute nothing.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Libraries with functions that answer. */
const answering = [
  { start: 'libcudart.', file: fileURLToPath(new URL('./stand-in/cudart.c', import.meta.url)) },
  { start: 'libcublasLt.', file: fileURLToPath(new URL('./stand-in/cublaslt.c', import.meta.url)) },
]
const tensorRtSource = fileURLToPath(new URL('./stand-in/tensorrt.c', import.meta.url))
const driverSource = fileURLToPath(new URL('./stand-in/driver.c', import.meta.url))

/** Writes the libraries that providers need to a folder, for LD_LIBRARY_PATH. It needs gcc and readelf. */
export function buildStandIns(providers: readonly string[], folder: string): void {
  mkdirSync(folder, { recursive: true })
  const imports = importsOf(providers)
  for (const [library, names] of imports) {
    if (library.startsWith('libcudnn.')) continue // below
    const source = answering.find(({ start }) => library.startsWith(start))?.file
    const text = source === undefined ? declarations : readFileSync(source, 'utf8')
    const answered = source === undefined ? [] : functionsOf(text)
    const rest = names.filter(name => !answered.includes(name)).map(functionOf)
    const all = [...new Set([...names, ...answered, 'stand_in_log'])]
    const versions = `${library} { global: ${all.map(name => `${name};`).join(' ')} local: *; };`
    compile(folder, library, [text, ...rest].join('\n'), versions)
  }
  compile(folder, 'libcurand.so.10', declarations)
  compile(folder, 'libcuda.so.1', readFileSync(driverSource, 'utf8'))
  // TensorRT's provider is linked to cuDNN by version; that of CUDA opens it while the program runs.
  const cudnn = new Set([...providers.flatMap(cudnnNames), ...(imports.get('libcudnn.so.9') ?? [])])
  const source = [declarations, cudnnVersion, ...[...cudnn].map(functionOf)].join('\n')
  compile(folder, 'libcudnn.so.9', source, 'libcudnn.so.9 { global: *; };')
}

/** Names of the functions of a C file that others can call. */
function functionsOf(source: string): string[] {
  return [...source.matchAll(/^(?!static|typedef)\w[\w *]*?\b(\w+)\(/gm)].map(([, name]) => name!)
}

/** Writes stand-ins of TensorRT's libraries to a folder. */
export function buildTensorRtStandIns(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const source = readFileSync(tensorRtSource, 'utf8')
  for (const [library, part] of [
    ['libnvinfer.so.10', 'INFER'],
    ['libnvonnxparser.so.10', 'PARSER'],
  ] as const) {
    compile(folder, library, `#define ${part}\n${source}`)
  }
}

const declarations = `#include <stddef.h>
void stand_in_log(const char *, const char *, size_t) __attribute__((weak));`

const cudnnVersion = `size_t cudnnGetVersion(void) { return 92100; }
int cudnnBackendGetAttribute(void *d, int name, int type, long asked, long *count, void *out) { if (count) *count = asked > 0; return 0; }`

/** Functions that the provider is linked to, by library. */
function importsOf(providers: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const imports = new Map<string, Set<string>>()
  for (const provider of providers) {
    const arguments_ = ['-W', '--dyn-syms', provider]
    const table = execFileSync('readelf', arguments_, { encoding: 'utf8', maxBuffer: 1 << 28 })
    for (const [, name, library] of table.matchAll(/ UND (\w+)@(libcu\w+\.so\.\d+)/g)) {
      imports.set(library!, (imports.get(library!) ?? new Set()).add(name!))
    }
  }
  return new Map([...imports].map(([library, names]) => [library, [...names]]))
}

/** cuDNN is opened while the program runs, so its functions are among the provider's texts and not in its table. */
function cudnnNames(provider: string): string[] {
  const texts = readFileSync(provider)
    .toString('latin1')
    .matchAll(/\0(cudnn[A-Z]\w+)(?=\0)/g)
  const given = ['cudnnGetVersion', 'cudnnBackendGetAttribute']
  return [...new Set([...texts].map(([, name]) => name!))].filter(name => !given.includes(name))
}

/** A function that succeeds; one that makes something makes the same every time. */
function functionOf(name: string): string {
  if (/(StatusName|StatusString|ErrorName|ErrorString)$/.test(name)) {
    return `const char *${name}() { return "stand-in"; }`
  }
  if (name === 'cudnnBackendCreateDescriptor') {
    return `int ${name}(int type, void **made) { static int one[64]; *made = one; return 0; }`
  }
  if (/^(cudnn|cublas|cublasLt)(\w*DescCreate|Create\w*|\w+Create)$/.test(name)) {
    return `int ${name}(void **made) { static int one[64]; *made = one; return 0; }`
  }
  if (name === 'cublasGetMathMode') return `int ${name}(void *handle, int *mode) { *mode = 0; return 0; }`
  if (/[gG]emm|LtMatmul$/.test(name)) {
    return `int ${name}() { if (stand_in_log) stand_in_log("launch", "${name}", 0); return 0; }`
  }
  return `int ${name}() { return 0; }`
}

function compile(folder: string, library: string, source: string, versions?: string): void {
  const file = path.join(folder, `${library}.c`)
  writeFileSync(file, source)
  const flags = ['-shared', '-fPIC', '-O1', '-w', '-std=gnu17', `-Wl,-soname,${library}`]
  if (versions) {
    writeFileSync(`${file}.map`, versions)
    flags.push(`-Wl,--version-script,${file}.map`)
  }
  execFileSync('gcc', [...flags, file, '-o', path.join(folder, library)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
