import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError } from '../errors.ts'
import { bytesPerElement, elementCount } from '../tensor/dtype.ts'
import { dtypeNamed } from './dtype-names.ts'
import { RandomWeights } from './random-weights.ts'
import { planHeader, type TensorEntry } from './write-header.ts'

/** Tensors as lists of published checkpoints have them: key → [safetensors dtype name, shape]. */
export type TensorList = Readonly<Record<string, readonly [dtype: string, shape: readonly number[]]>>

/** Options of `synthesizeWeights`. */
export interface SynthesizeOptions {
  /** File name before `.safetensors`; `diffusion_pytorch_model` by default. */
  readonly baseName?: string
  /** Number of files; with 2 or more an index is written too. */
  readonly shards?: number
  /** `zeros`, the default, takes no disk space; `random` takes that of the real weights. */
  readonly values?: 'zeros' | 'random'
}

/**
 * Writes a checkpoint with the given tensors and no trained values: of zeros, as sparse files with real headers and
 * sizes and next to no disk space, or of random numbers. Graphs can be built and sessions opened over it as over the
 * real one.
 * @throws CheckpointError `checkpoint/tensors` for a dtype that safetensors does not have
 */
export async function synthesizeWeights(
  tensors: TensorList,
  folder: string,
  { baseName = 'diffusion_pytorch_model', shards = 1, values = 'zeros' }: SynthesizeOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true })
  const groups = split(Object.entries(tensors).map(entryOf), shards)
  const names = groups.map((_, index) => shardName(baseName, index, groups.length))
  const random = values === 'random' ? new RandomWeights() : undefined
  // Side by side: one file is written no faster than a thread copies.
  await Promise.all(groups.map((group, index) => writeFileOf(join(folder, names[index]!), group, random)))
  if (groups.length === 1) return
  const pairs = groups.flatMap((group, index) => group.map(({ key }) => [key, names[index]!] as const))
  const index = { metadata: { total_size: sizeOf(groups.flat()) }, weight_map: Object.fromEntries(pairs) }
  await writeFile(join(folder, `${baseName}.safetensors.index.json`), `${JSON.stringify(index, null, 2)}\n`)
}

function entryOf([key, [name, shape]]: [string, TensorList[string]]): TensorEntry {
  const dtype = dtypeNamed(name)
  if (dtype !== undefined) return { key, dtype, shape }
  throw new CheckpointError('checkpoint/tensors', {
    subject: key,
    expected: 'a safetensors dtype',
    got: name,
  })
}

/** Consecutive groups of about as many tensors; none is empty. */
function split(entries: readonly TensorEntry[], shards: number): TensorEntry[][] {
  const count = Math.max(1, Math.min(shards, entries.length))
  const start = (group: number) => Math.floor((group * entries.length) / count)
  return Array.from({ length: count }, (_, group) => entries.slice(start(group), start(group + 1)))
}

async function writeFileOf(
  path: string,
  entries: readonly TensorEntry[],
  random: RandomWeights | undefined,
): Promise<void> {
  const { header, order, dataBytes } = planHeader(entries)
  const file = await open(path, 'w')
  try {
    await file.writeFile(header)
    if (!random) return await file.truncate(header.length + dataBytes)
    for (const entry of order) for (const bytes of random.bytesOf(entry)) await file.writeFile(bytes)
  } finally {
    await file.close()
  }
}

function shardName(baseName: string, index: number, count: number): string {
  if (count === 1) return `${baseName}.safetensors`
  const [number, of] = [index + 1, count].map(value => String(value).padStart(5, '0'))
  return `${baseName}-${number}-of-${of}.safetensors`
}

function sizeOf(entries: readonly TensorEntry[]): number {
  return entries.reduce((sum, { dtype, shape }) => sum + elementCount(shape) * bytesPerElement(dtype), 0)
}
