/**
 * ONNX Runtime's real TensorRT provider on stand-ins for the libraries of CUDA and TensorRT: what it makes of options, and what
 * is said of a library that is missing. Sessions open, but no engine is built: the parser's stand-in takes no node.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { wanDecoder } from '../../models/wan/vae.ts'
import { wanVaeConfig } from '../../models/wan/vae-config.ts'
import { evaluateDim } from '../../src/graph/dims.ts'
import { weightBytesOf } from '../../src/graph/session-memory.ts'
import { standardGraph } from '../../src/graph/standard-dialect.ts'

import { addonFile } from '../../src/runtime/native-parts.ts'
import { engineFolder, tensorRtProviderOptions } from '../../src/runtime/tensorrt-options.ts'

import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { buildAddon, noAddon } from '../contract/native-addon.ts'
import { fixture } from '../fixtures.ts'
import { scratchFolder } from '../scratch.ts'
import { cudaMachine, openOnCuda } from './cuda-machine.ts'

const scratch = scratchFolder()
const found = await cudaMachine()
const missing = typeof found === 'string' ? found : noAddon
const script = fileURLToPath(new URL('./read-tensorrt-options.mjs', import.meta.url))

describe.skipIf(missing)(`TensorRT${missing ? ` (skipped: ${missing})` : ''}`, () => {
  if (typeof found === 'string') return
  const machine = found

  beforeAll(buildAddon)

  /** Options as the provider has them. */
  function readBack(options: Readonly<Record<string, string>>): Readonly<Record<string, string>> | string {
    const library = path.join(machine.libraries, 'libonnxruntime.so.1')
    const text = execFileSync(
      process.execPath,
      [script, JSON.stringify({ addon: addonFile(), library, options })],
      {
        encoding: 'utf8',
        env: { ...process.env, LD_LIBRARY_PATH: `${machine.standIns}:${machine.libraries}` },
      },
    )
    if (text.startsWith('refused: ')) return text
    return Object.fromEntries(
      text.split(';').flatMap(entry => {
        const at = entry.indexOf('=')
        return at < 0 ? [] : [[entry.slice(0, at), entry.slice(at + 1)]]
      }),
    )
  }

  const session = {
    graph: { precision: 'f16', key: 'decoder-0123' },
    shapes: { latents: [1, 16, 4, 60, 104], 'cache.0': [1, 96, 2, 60, 104] },
    weightsFolder: '/',
  } as const

  test('has the options of a decoder as they were set', () => {
    const cacheFolder = path.join(scratch, 'engines')
    const options = tensorRtProviderOptions(0, { cacheFolder }, session)
    const profile = 'latents:1x16x4x60x104,cache.0:1x96x2x60x104'
    expect(readBack(options)).toMatchObject({
      device_id: '0',
      trt_fp16_enable: '1',
      trt_bf16_enable: '0',
      trt_layer_norm_fp32_fallback: '1',
      trt_load_user_initializer: '1',
      trt_engine_cache_enable: '1',
      trt_engine_cache_path: engineFolder({ cacheFolder }, session),
      trt_timing_cache_enable: '1',
      trt_timing_cache_path: cacheFolder,
      trt_profile_min_shapes: profile,
      trt_profile_opt_shapes: profile,
      trt_profile_max_shapes: profile,
      trt_weight_stripped_engine_enable: '0',
    })
  })

  test('has those of a transformer, with engines without weights', () => {
    const options = tensorRtProviderOptions(
      0,
      {
        ...{ cacheFolder: '/cache', weightStripped: true, workspaceBytes: 2 ** 33, optimizationLevel: 5 },
        others: { trt_auxiliary_streams: '0' },
      },
      { ...session, graph: { precision: 'bf16', key: 'transformer' } },
    )
    expect(readBack(options)).toMatchObject({
      trt_fp16_enable: '0',
      trt_bf16_enable: '1',
      trt_weight_stripped_engine_enable: '1',
      trt_onnx_model_folder_path: '/',
      trt_max_workspace_size: String(2 ** 33),
      trt_builder_optimization_level: '5',
      trt_auxiliary_streams: '0',
    })
  })

  test('refuses an option that it does not know', () => {
    expect(readBack({ trt_speed: '11' })).toContain('trt_speed')
  })

  async function decoder() {
    const folder = fixture('wan21-t2v/model/vae')
    const weights = await openWeights(folder)
    const config = wanVaeConfig.parse(JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')))
    const ledger = new WeightLedger(weights)
    return standardGraph(wanDecoder(config, ledger.graph('decoder'), 'f16', 'next'))
  }

  test('is asked about the graph of a decoder; the nodes that it does not take are those of CUDA', async () => {
    const graph = await decoder()
    const sizes = { frames: 1, height: 8, width: 8 }
    const shapes = Object.fromEntries(
      graph.inputs.map(({ name, shape }) => [name, shape.map(dim => evaluateDim(dim, sizes))]),
    )
    const options = { cacheFolder: path.join(scratch, 'engines') }
    const { failure, tensorRt, copied } = await openOnCuda(machine, graph, { tensorRt: { options, shapes } })
    expect(failure).toBeUndefined()
    expect(tensorRt).toContain('parser')
    // Weights that are stored in f32 arrive in f16.
    expect(copied).toBeGreaterThan(0.45 * weightBytesOf(graph))
  })

  test('that cannot be loaded is an error with the library in it', async () => {
    const graph = await decoder()
    const shapes = Object.fromEntries(graph.inputs.map(({ name }) => [name, [1]]))
    const elsewhere = { ...machine, libraries: path.join(scratch, 'nowhere') }
    const options = { cacheFolder: path.join(scratch, 'engines') }
    await expect(openOnCuda(elsewhere, graph, { tensorRt: { options, shapes } })).rejects.toThrow(
      /libnvinfer\.so\.10/,
    )
  })
})
