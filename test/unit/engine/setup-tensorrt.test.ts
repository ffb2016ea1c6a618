import { mkdir, readdir, readlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { tensorRtFinding } from '../../../src/engine/doctor-cuda.ts'
import { setupTensorRt } from '../../../src/engine/setup-tensorrt.ts'
import { scratchFolder } from '../../scratch.ts'

const version = '1.2.3'
const root = scratchFolder()
const provider = 'libonnxruntime_providers_tensorrt.so'
let count = 0

/** A folder with files of these names; the provider among them says its version. */
async function folderOf(names: readonly string[], ofVersion = version): Promise<string> {
  const folder = path.join(root, String(count++))
  await mkdir(folder)
  for (const name of names) {
    await writeFile(path.join(folder, name), name === provider ? `\0${ofVersion}\0` : 'library')
  }
  return folder
}

async function setup(from: string, cache?: string) {
  const runtime = await folderOf([])
  const place = { version, release: undefined, runtime }
  const events = setupTensorRt({ from, folder: cache ?? (await folderOf([])) }, place)
  for await (const _ of events);
  const names = (await readdir(runtime)).sort()
  const links = await Promise.all(
    names.map(async name => [name, await readlink(path.join(runtime, name))] as const),
  )
  return Object.fromEntries(links)
}

const tensorRt = ['libnvinfer.so.10', 'libnvonnxparser.so.10']

describe('setup tensorrt', () => {
  test('links the libraries of a folder, which may hold the provider', async () => {
    const from = await folderOf([...tensorRt, provider])
    expect(await setup(from)).toEqual(
      Object.fromEntries([...tensorRt, provider].map(name => [name, path.join(from, name)])),
    )
  })

  test('takes the provider that came with that of CUDA', async () => {
    const [from, cache] = [await folderOf(tensorRt), await folderOf([])]
    const kept = path.join(cache, `cuda-${version}`)
    await mkdir(kept)
    await writeFile(path.join(kept, provider), `\0${version}\0`)
    expect((await setup(from, cache))[provider]).toBe(path.join(kept, provider))
  })

  test('refuses another version of TensorRT, and says which it found', async () => {
    const from = await folderOf(['libnvinfer.so.11', 'libnvonnxparser.so.11', 'other'])
    await expect(setup(from)).rejects.toMatchObject({
      code: 'runtime/provider',
      message: `${from}: expected libnvinfer.so.10 and libnvonnxparser.so.10, got libnvinfer.so.11, libnvonnxparser.so.11. Give the folder of TensorRT 10: the provider knows no other version. It is lib of NVIDIA’s archive, or tensorrt_libs of its Python package.`,
    })
  })

  test('refuses a folder without the parser, or that is not there', async () => {
    const from = await folderOf(['libnvinfer.so.10'])
    await expect(setup(from)).rejects.toThrow('expected libnvonnxparser.so.10, got libnvinfer.so.10')
    await expect(setup(path.join(root, 'none'))).rejects.toThrow('expected a folder with TensorRT 10, got ')
  })

  test('refuses a provider of another version of ONNX Runtime', async () => {
    const from = await folderOf([...tensorRt, provider], '1.2.4')
    await expect(setup(from)).rejects.toThrow('expected the provider of ONNX Runtime 1.2.3, got another file')
  })

  test('says where no package has the provider', async () => {
    await expect(setup(await folderOf(tensorRt))).rejects.toThrow(
      'TensorRT provider: expected a known package for this version, got ONNX Runtime 1.2.3.',
    )
  })
})

test('the doctor names what TensorRT lacks, as a note', () => {
  expect(tensorRtFinding([])).toEqual({
    subject: 'tensorrt',
    status: 'ok',
    detail: 'used by --device tensorrt',
  })
  expect(tensorRtFinding(['libnvinfer.so.10'])).toEqual({
    subject: 'tensorrt',
    status: 'note',
    detail: 'no libnvinfer.so.10: only --device tensorrt needs it',
    fix: 'framewright setup tensorrt --from DIR',
  })
})
