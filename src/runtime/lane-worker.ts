/**
 * The thread that owns the sessions of one lane. onnxruntime-node runs a graph on the thread that asks for it, so
 * everything that touches ONNX Runtime happens here. Each exported function answers one message of the lane.
 */
import { move, transferableSymbol, valueSymbol, workerData } from 'piscina'
import { InferenceSession, Tensor as OrtTensor } from '#onnxruntime'
import type { DType } from '../tensor/dtype.ts'
import type { ResidentTensor } from '../tensor/resident.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { RunResult } from './backend.ts'
import { type LaneThreadData, markIdle } from './lane-thread.ts'
import type { SessionConfig } from './session-config.ts'

const sessions = new Map<number, InferenceSession>()
const residents = new Map<number, OrtTensor>()
let lastId = 0

export interface OpenMessage {
  readonly bytes: Uint8Array
  readonly config: SessionConfig
}

export interface RunMessage {
  readonly session: number
  /** Of the session's inputs, in their order: a tensor, or the number of a resident one. */
  readonly feeds: readonly (Tensor | number)[]
  readonly fetch: readonly string[] | undefined
  readonly keep: readonly string[]
}

export interface OpenReply {
  readonly id: number
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

/** Answers when ONNX Runtime is loaded. */
export const start = message(() => {})

export const open = message(async ({ bytes, config }: OpenMessage): Promise<OpenReply> => {
  const session = await InferenceSession.create(bytes, config)
  const id = ++lastId
  sessions.set(id, session)
  return { id, inputs: session.inputNames, outputs: session.outputNames }
})

export const run = message(async ({ session: id, feeds, fetch, keep }: RunMessage): Promise<RunResult> => {
  const session = sessions.get(id)
  if (!session) throw new Error(`session ${id} was released`)
  const inputs = Object.fromEntries(
    session.inputNames.map((name, index) => [name, ortTensor(name, feeds[index]!)]),
  )
  const outputs = await session.run(inputs, fetch ?? session.outputNames)
  const tensors: Record<string, Tensor> = {}
  const residents: Record<string, ResidentTensor> = {}
  for (const [name, output] of Object.entries(outputs)) {
    if (keep.includes(name)) residents[name] = keepResident(output)
    else tensors[name] = hostTensorOf(output)
  }
  return handOver({ tensors, residents })
})

export const release = message(async (id: number): Promise<void> => {
  const session = sessions.get(id)
  sessions.delete(id)
  await session?.release()
})

export const drop = message((ids: readonly number[]): void => {
  for (const id of ids) residents.delete(id)
})

/** Frees everything, for the next lane. */
export const reset = message(async (): Promise<void> => {
  const open = [...sessions.values()]
  sessions.clear()
  residents.clear()
  await Promise.all(open.map(session => session.release()))
})

/** What the thread does for a message, after which it may be ended. */
function message<Message, Reply>(answer: (message: Message) => Reply | Promise<Reply>) {
  return async (message: Message): Promise<Reply> => {
    try {
      return await answer(message)
    } finally {
      markIdle((workerData as LaneThreadData).busy)
    }
  }
}

/** Gives the buffers of the results to the caller's thread instead of copying them. */
function handOver(result: RunResult): RunResult {
  const buffers = Object.values(result.tensors).map(({ data }) => data.buffer)
  return move({
    get [transferableSymbol]() {
      return buffers
    },
    get [valueSymbol]() {
      return result
    },
  } as never) as never
}

type OrtType = 'float32' | 'float16' | 'int64' | 'int32' | 'uint8' | 'bool'

const ortTypes: Readonly<Partial<Record<DType, OrtType>>> = {
  f32: 'float32',
  f16: 'float16',
  i64: 'int64',
  i32: 'int32',
  u8: 'uint8',
  bool: 'bool',
}

function ortTensor(name: string, feed: Tensor | number): OrtTensor {
  if (typeof feed === 'number') {
    const resident = residents.get(feed)
    if (!resident) throw new Error(`input ${name}: the resident tensor ${feed} was dropped`)
    return resident
  }
  const type = ortTypes[feed.dtype]
  if (!type) throw new Error(`input ${name}: ${feed.dtype} cannot cross the graph's border`)
  return new OrtTensor(type, ownData(feed) as Float32Array, feed.shape)
}

/** Memory that threads share comes here without a copy; ONNX Runtime takes a thread's own. */
function ownData({ data }: Tensor): Tensor['data'] {
  return data.buffer instanceof SharedArrayBuffer ? data.slice() : data
}

function dtypeOf(output: OrtTensor): DType {
  const found = Object.entries(ortTypes).find(([, type]) => type === output.type)
  if (!found) throw new Error(`an output of type ${output.type} cannot cross the graph's border`)
  return found[0] as DType
}

function keepResident(output: OrtTensor): ResidentTensor {
  const id = ++lastId
  residents.set(id, output)
  return { kind: 'resident', id, dtype: dtypeOf(output), shape: output.dims }
}

function hostTensorOf(output: OrtTensor): Tensor {
  return { dtype: dtypeOf(output), shape: output.dims, data: output.data } as Tensor
}
