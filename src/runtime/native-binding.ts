import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { BackendError, messageOf } from '../errors.ts'
import type { HostArray } from '../tensor/tensor.ts'
import { runtimeFolder } from './cuda-provider.ts'
import { addonFile } from './native-parts.ts'

declare const kind: unique symbol

/** An object of the addon: opaque, freed when it is released or collected. */
interface Opaque<Kind extends string> {
  readonly [kind]: Kind
}

export type LaneHandle = Opaque<'lane'>
export type SessionHandle = Opaque<'session'>
export type ResidentHandle = Opaque<'resident'>
export type RunHandle = Opaque<'run'>

/** How a session is opened, in the numbers and keys of ONNX Runtime's C API. */
export interface OpenConfig {
  readonly optimizationLevel: number
  readonly executionMode: number
  readonly intraOpThreads: number
  readonly interOpThreads: number
  readonly logSeverity: number
  readonly entries: Readonly<Record<string, string>>
  readonly cuda: { readonly device: number; readonly options: Readonly<Record<string, string>> } | undefined
  readonly tensorRt:
    | {
        readonly libraries: readonly string[]
        readonly options: Readonly<Record<string, string>>
        readonly refits: boolean
      }
    | undefined
  readonly libraries: readonly string[]
  readonly initializers: Readonly<Record<string, ResidentHandle>>
  readonly profile: string | undefined
}

/** `type` is ONNX's number of the dtype. */
export type BoundFeed =
  | { readonly handle: ResidentHandle }
  | { readonly type: number; readonly shape: readonly number[]; readonly data: HostArray }

export interface RunRequest {
  readonly feeds: Readonly<Record<string, BoundFeed>>
  readonly fetches: readonly { readonly name: string; readonly keep: boolean }[]
}

export interface RunAnswer {
  readonly type: number
  readonly shape: readonly number[]
  readonly buffer?: ArrayBuffer
  readonly handle?: ResidentHandle
}

/** The addon's functions (kernels/addon/addon.cc). Its errors carry a `code`: `terminated` or `ort`. */
export interface NativeBinding {
  load(library: string): string
  createLane(): LaneHandle
  open(
    lane: LaneHandle,
    model: Uint8Array,
    config: OpenConfig,
  ): Promise<{ handle: SessionHandle; inputs: string[]; outputs: string[] }>
  createRun(config: Readonly<Record<string, string>>): RunHandle
  terminate(lane: LaneHandle, run: RunHandle): void
  run(lane: LaneHandle, session: SessionHandle, run: RunHandle, request: RunRequest): Promise<RunAnswer[]>
  release(lane: LaneHandle, session: SessionHandle): Promise<void>
  drop(lane: LaneHandle, tensors: readonly ResidentHandle[]): Promise<void>
  close(lane: LaneHandle): Promise<void>
  tensorRtOptions(options: Readonly<Record<string, string>>): string
  alive(): { sessions: number; tensors: number }
}

/**
 * Loads the addon, and into it the ONNX Runtime that onnxruntime-node ships.
 * @param file the addon, another build of it in tests
 * @throws BackendError runtime/provider when it was not built, or does not load
 */
export function loadNativeBinding(file: string = addonFile()): NativeBinding {
  if (!existsSync(file)) throw withoutAddon(file)
  try {
    const binding = createRequire(import.meta.url)(file) as NativeBinding
    binding.load(path.join(runtimeFolder(), 'libonnxruntime.so.1'))
    return binding
  } catch (cause) {
    const got = messageOf(cause)
    const advice = 'Build it again with "npm run build:native".'
    throw new BackendError(
      'runtime/provider',
      { subject, expected: 'an addon that loads', got, advice },
      { cause },
    )
  }
}

const subject = 'native backend'

/** Why the native backend cannot be used where its addon was not built. */
export function withoutAddon(file: string = addonFile()): BackendError {
  return new BackendError('runtime/provider', {
    subject,
    expected: `its addon at ${file}`,
    got: 'no file',
    advice:
      'Build it in a clone with "npm run build:native" (a C++ compiler is needed), or use --device cuda or cpu.',
  })
}
