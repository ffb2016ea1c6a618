import { describe } from 'vitest'
import { OnnxRuntimeBackend } from '../../src/runtime/onnxruntime-backend.ts'
import { backendContract } from './backend-suite.ts'

describe('the backend on onnxruntime-node', () => {
  backendContract(() => new OnnxRuntimeBackend({ device: { type: 'cpu' }, threads: 1 }))
})
