/** What NVIDIA's GPUs can do by their compute capability, as nvidia-smi has it: `9.0`. */
import { isAtLeast } from '../runtime/cuda-libraries.ts'
import type { NativeParts } from '../runtime/native-parts.ts'
import type { Finding } from './finding.ts'
import type { Gpu } from './nvidia-gpus.ts'

/** The oldest that CUDA 13 runs on, Turing (NVIDIA, CUDA 13.0 release notes, "Deprecated Architectures"). */
const oldest = [7, 5] as const

/** The oldest with products of 8-bit floats, Ada (NVIDIA, cuBLAS, "cublasLtMatmul()", FP8 kernels). */
export const oldestForFloat8 = [8, 9] as const

/** The oldest with tensor cores for bf16, Ampere (NVIDIA, CUDA C++ Programming Guide, "Compute Capabilities"). */
const oldestForBfloat16 = [8, 0] as const

/** What `kernels/library/build.sh` compiles machine code for. It runs on these alone; others translate the PTX. */
export const compiledFor: readonly string[] = ['9.0', '10.0', '12.0']

/** What of ours runs on the GPUs, and what does not: a finding for each kind of them. */
export function capabilityFindings(
  gpus: readonly Pick<Gpu, 'name' | 'capability'>[],
  kernels: NativeParts['kernels'],
): Finding[] {
  const kinds = new Map(gpus.map(({ name, capability }) => [`${capability} (${name})`, capability]))
  return [...kinds].flatMap(([kind, capability]) => {
    return capability === undefined ? [] : capabilityFinding(kind, capability, kernels !== undefined)
  })
}

function capabilityFinding(kind: string, capability: string, hasKernels: boolean): Finding {
  const subject = 'compute capability'
  if (!isAtLeast(capability, oldest)) {
    const detail = `${kind}: CUDA 13 needs ${oldest.join('.')} or newer`
    return { subject, status: 'note', detail, fix: 'Use a newer GPU, or --device cpu.' }
  }
  const ofKernels = compiledFor.includes(capability)
    ? 'the kernel library has machine code for it'
    : 'the driver translates the kernel library for it at the first use; no kernel is left out'
  const ofFloat8 = isAtLeast(capability, oldestForFloat8)
    ? '--precision fp8 can be used'
    : `no --precision fp8, which needs ${oldestForFloat8.join('.')}`
  const said = [...(hasKernels ? [ofKernels] : []), ofFloat8]
  if (!isAtLeast(capability, oldestForBfloat16)) {
    said.push(`bf16 has no tensor cores below ${oldestForBfloat16.join('.')}: --precision f16 is quicker`)
  }
  return { subject, status: 'ok', detail: `${kind}: ${said.join('; ')}` }
}
