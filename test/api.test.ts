/** What the package gives its users: a name that comes or goes here is a change of the public API. */
import { expect, test } from 'vitest'
import * as api from '../src/index.ts'
import { runInChild } from './child.ts'
import { readSource } from './source-tree.ts'

const values = [
  'BackendError',
  'CancelledError',
  'CheckpointError',
  'FramewrightError',
  'GraphError',
  'HostError',
  'HubError',
  'JobsError',
  'MediaError',
  'RequestError',
  'SystemError',
  'benchmark',
  'benchmarkPage',
  'builtInModel',
  'compareBenchmarks',
  'checkOutput',
  'contactSheet',
  'createEngine',
  'describeModels',
  'diagnose',
  'encodeJpeg',
  'errorCodes',
  'evaluateModel',
  'evaluationPage',
  'exportModel',
  'fileKind',
  'generate',
  'gpuMemory',
  'checkModelAdapters',
  'inspectAdapter',
  'inspectModel',
  'installCudaProvider',
  'installTensorRtProvider',
  'listModels',
  'loadDenoiseState',
  'modeNames',
  'modelPath',
  'noticeCodes',
  'openJobs',
  'openKeys',
  'packageVersion',
  'parseSize',
  'planModelMemory',
  'profileBenchmark',
  'pullModel',
  'removeModel',
  'searchModels',
  'probeSound',
  'readRecord',
  'readSound',
  'readVideo',
  'renderVideo',
  'resolveModel',
  'samplerNames',
  'saveDenoiseState',
  'startServer',
  'startWorker',
  'syntheticModels',
  'tensor',
  'writeSafetensors',
]

const types = [
  'AdapterOptions',
  'AdapterReport',
  'ApiKey',
  'AudioReadyEvent',
  'BenchmarkOptions',
  'BenchmarkProgress',
  'BenchmarkReport',
  'ClassShare',
  'ClipSize',
  'Comparison',
  'ComponentReport',
  'ConditioningReadyEvent',
  'ContactSheetOptions',
  'DType',
  'DenoiseState',
  'Diagnosis',
  'Engine',
  'EngineOptions',
  'ErrorCode',
  'EvaluateOptions',
  'EvaluationReport',
  'Expectation',
  'ExportDialect',
  'ExportOptions',
  'ExportReport',
  'FileKind',
  'FileSound',
  'Finding',
  'FramesDecodedEvent',
  'GenerateEvent',
  'GenerateOptions',
  'GeneratePlan',
  'GenerateRequest',
  'GpuMemory',
  'GenerateVideoOptions',
  'GenerationRecord',
  'JobsOptions',
  'JudgedEvent',
  'KeyLimits',
  'KeyStore',
  'KeysOptions',
  'MediaSource',
  'MemoryPlanEvent',
  'Notice',
  'NoticeCode',
  'NoticeEvent',
  'MemoryReport',
  'ModelFiles',
  'ModelReport',
  'NamedAdapter',
  'NamedAdapters',
  'NewApiKey',
  'OpenJobs',
  'OpenedJobs',
  'OutputOptions',
  'PlanMemoryOptions',
  'PreviewEvent',
  'PullEvent',
  'PullOptions',
  'PulledModel',
  'DescribedModel',
  'FoundModel',
  'LocalPart',
  'SearchOptions',
  'ReadSoundOptions',
  'ReadVideoOptions',
  'RenderEvent',
  'RunningServer',
  'RunningWorker',
  'SamplerName',
  'ServeOptions',
  'SetupCudaOptions',
  'SetupTensorRtOptions',
  'SizeReport',
  'SizeSteps',
  'Sound',
  'SoundFormat',
  'StageSeconds',
  'StartEvent',
  'StepEndEvent',
  'Tensor',
  'VideoEndEvent',
  'VideoInput',
  'VideoWrittenEvent',
  'WorkerOptions',
]

test('the package exports these values', () => {
  expect(Object.keys(api).sort()).toEqual([...values].sort())
})

test('and these types', () => {
  const { text } = readSource('src/index.ts')
  const names = [...text.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, type, list]) =>
    list!
      .split(',')
      .map(name => name.trim())
      .filter(name => name !== '' && (type !== undefined || name.startsWith('type ')))
      .map(name => name.replace(/^type /, '')),
  )
  expect(names.sort()).toEqual([...types].sort())
})

test('importing it loads no inference runtime, codec or picture library', async () => {
  const loaded = await runInChild<string[]>(`
    import { createRequire } from 'node:module'
    await import('./dist/src/index.js')
    process.report.excludeNetwork = true
    const native = process.report.getReport().sharedObjects
    const modules = Object.keys(createRequire(import.meta.url).cache)
    console.log(JSON.stringify([...native, ...modules]))
  `)
  expect(loaded.length).toBeGreaterThan(0)
  expect(loaded.filter(file => /onnxruntime|sharp|libvips|mediabunny|libav/.test(file))).toEqual([])
})
