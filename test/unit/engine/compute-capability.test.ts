import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { capabilityFindings, compiledFor } from '../../../src/engine/compute-capability.ts'
import { nvidiaGpus } from '../../../src/engine/nvidia-gpus.ts'
import { scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()
const kernels = { file: '/kernels.so', kernels: new Set(['linear']) }

describe('the doctor on the compute capability of a GPU', () => {
  const [ready, translated] = [
    'the kernel library has machine code for it',
    'the driver translates the kernel library for it at the first use; no kernel is left out',
  ]
  const [float8, noFloat8] = ['--precision fp8 can be used', 'no --precision fp8, which needs 8.9']
  const slow = 'bf16 has no tensor cores below 8.0: --precision f16 is quicker'

  test.each([
    ['NVIDIA H100', '9.0', [ready, float8]],
    ['NVIDIA B200', '10.0', [ready, float8]],
    ['NVIDIA B300', '10.3', [translated, float8]],
    ['NVIDIA GeForce RTX 5090', '12.0', [ready, float8]],
    ['NVIDIA GB10', '12.1', [translated, float8]],
    ['NVIDIA GeForce RTX 4090', '8.9', [translated, float8]],
    ['NVIDIA GeForce RTX 3090', '8.6', [translated, noFloat8]],
    ['NVIDIA A100', '8.0', [translated, noFloat8]],
    ['Tesla T4', '7.5', [translated, noFloat8, slow]],
  ])('of %s says what of ours runs on it', (name, capability, said) => {
    expect(capabilityFindings([{ name, capability }], kernels)).toEqual([
      { subject: 'compute capability', status: 'ok', detail: `${capability} (${name}): ${said.join('; ')}` },
    ])
  })

  test('says nothing of kernels that were not built', () => {
    const [finding] = capabilityFindings([{ name: 'NVIDIA A100', capability: '8.0' }], undefined)
    expect(finding?.detail).toBe(`8.0 (NVIDIA A100): ${noFloat8}`)
  })

  test('says of a GPU that CUDA 13 has left behind what to do', () => {
    expect(capabilityFindings([{ name: 'Tesla V100', capability: '7.0' }], kernels)).toEqual([
      {
        subject: 'compute capability',
        status: 'note',
        detail: '7.0 (Tesla V100): CUDA 13 needs 7.5 or newer',
        fix: 'Use a newer GPU, or --device cpu.',
      },
    ])
  })

  test('has a line for each kind of GPU, and none where it is not known', () => {
    const gpus = [
      { name: 'A', capability: '9.0' },
      { name: 'A', capability: '9.0' },
      { name: 'B', capability: '8.0' },
      { name: 'C', capability: undefined },
    ]
    expect(capabilityFindings(gpus, kernels).map(({ detail }) => detail.slice(0, 7))).toEqual([
      '9.0 (A)',
      '8.0 (B)',
    ])
  })

  test('knows what the kernels are compiled for', () => {
    const [, targets] = /for target in (.*?);/.exec(readFileSync('kernels/library/build.sh', 'utf8'))!
    const compiled = targets!.split(' ').map(target => target.replace(/(\d)a$/, '.$1'))
    expect(compiledFor).toEqual(compiled)
  })
})

describe('the GPUs that nvidia-smi lists', () => {
  const { PATH } = process.env
  afterEach(() => {
    process.env.PATH = PATH
  })

  /** Puts a program in the place of nvidia-smi. */
  function nvidiaSmi(script: string): void {
    const file = path.join(scratch, 'nvidia-smi')
    writeFileSync(file, `#!/bin/sh\n${script}\n`)
    chmodSync(file, 0o755)
    process.env.PATH = `${scratch}:${PATH}`
  }

  const row = 'NVIDIA A100-SXM4-80GB, 81920 MiB, 580.65.06, 512 MiB'
  const expected = {
    name: 'NVIDIA A100-SXM4-80GB',
    driver: '580.65.06',
    totalBytes: 81920 * 2 ** 20,
    usedBytes: 512 * 2 ** 20,
  }

  test('have their compute capability', async () => {
    nvidiaSmi(`echo '${row}, 8.0'`)
    expect(await nvidiaGpus()).toEqual([{ ...expected, capability: '8.0' }])
  })

  test('are listed by one that does not know that field too', async () => {
    nvidiaSmi(`case "$1" in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2;; esac
echo '${row}'`)
    expect(await nvidiaGpus()).toEqual([{ ...expected, capability: undefined }])
  })

  test('may be of one that is not told', async () => {
    nvidiaSmi(`echo '${row}, [N/A]'`)
    expect(await nvidiaGpus()).toEqual([{ ...expected, capability: undefined }])
  })

  test('are none where it fails', async () => {
    nvidiaSmi('exit 9')
    expect(await nvidiaGpus()).toEqual([])
  })
})
