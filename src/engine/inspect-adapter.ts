import { stat } from 'node:fs/promises'
import type { DType } from '../tensor/dtype.ts'
import { readAdapter } from '../weights/adapters/adapter-file.ts'

/** What an adapter's file is, read from its header and its scales. */
export interface AdapterReport {
  readonly file: string
  /** `lora`: low-rank matrices, whatever is beside them; `differences`: whole tensors that are added, and no matrices. */
  readonly kind: 'lora' | 'differences'
  /** Every rank that modules have, from the smallest. */
  readonly ranks: readonly number[]
  /** Every α that modules have, from the smallest: the rank where the file names none. */
  readonly alphas: readonly number[]
  /** Every scale that modules have, from the smallest: α / rank, or α / √rank. */
  readonly scales: readonly number[]
  /** Modules that it changes. */
  readonly modules: number
  readonly dtypes: readonly DType[]
  /** Of the file. */
  readonly bytes: number
}

/**
 * Describes an adapter's file.
 * @throws CheckpointError for a file that is none
 */
export async function inspectAdapter(file: string): Promise<AdapterReport> {
  const adapter = await readAdapter(file)
  const { size } = await stat(adapter.path)
  const lowRanks = adapter.modules.flatMap(({ lowRank }) => (lowRank ? [lowRank] : []))
  const tensors = [
    ...lowRanks.flatMap(({ down, up }) => [down, up]),
    ...adapter.modules.flatMap(({ additions }) => additions.map(({ tensor }) => tensor)),
  ]
  return {
    file: adapter.path,
    kind: lowRanks.length > 0 ? 'lora' : 'differences',
    ranks: distinct(lowRanks.map(({ down }) => down.shape[0]!)),
    alphas: distinct(lowRanks.map(({ alpha }) => alpha)),
    scales: distinct(lowRanks.map(({ scale }) => scale)),
    modules: adapter.modules.length,
    dtypes: [...new Set(tensors.map(({ dtype }) => dtype))],
    bytes: size,
  }
}

function distinct(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b)
}
