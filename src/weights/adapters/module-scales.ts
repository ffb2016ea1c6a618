import { CheckpointError } from '../../errors.ts'
import { matchPatterns } from './module-pattern.ts'
import type { ScaleSource } from './scale-sources.ts'

/** A low-rank module, as far as its scale goes. */
export interface ScaledModule {
  readonly name: string
  /** Its name with fewer and fewer prefixes. */
  readonly forms: readonly string[]
  readonly component: string | undefined
  readonly rank: number
  /** The value of its `.alpha` tensor. */
  readonly alpha: number | undefined
  /** Whether its matrices are called lora_down and lora_up. */
  readonly downUp: boolean
}

export interface ModuleScale {
  /** The rank where no source names an α. */
  readonly alpha: number
  /** α / rank, or α / √rank (rsLoRA: Kalajdzievski, 2023, https://arxiv.org/abs/2312.03732). */
  readonly scale: number
}

interface Statement<T> {
  readonly source: string
  readonly value: T
}

/** Two α are one if bf16 rounds them to one. */
const alphaTolerance = 2 ** -8

/**
 * The scale of each module, from its α tensor and what the sources say.
 * @throws CheckpointError `checkpoint/config` where two sources contradict each other, or one has another rank than the
 * matrices
 */
export function moduleScales(
  file: string,
  modules: readonly ScaledModule[],
  sources: readonly ScaleSource[],
): ModuleScale[] {
  const stated = sources.map(source => statementsOf(file, modules, source))
  return modules.map((module, index) => {
    const own = stated.flatMap(statements => statements[index] ?? [])
    const contradiction = (what: string, [first, second]: readonly Statement<unknown>[]) => {
      return new CheckpointError('checkpoint/config', {
        subject: `adapter ${file}: ${module.name}`,
        expected: `one ${what}`,
        got: `${first?.value} (${first?.source}) and ${second?.value} (${second?.source})`,
        advice: 'Remove the one that is wrong.',
      })
    }
    const ranks = [
      { source: 'its matrices', value: module.rank },
      ...own.flatMap(({ source, rank }) => valued(source, rank)),
    ]
    const alphas = [
      ...valued('its .alpha', module.alpha),
      ...own.flatMap(({ source, alpha }) => valued(source, alpha)),
    ]
    const kinds = own.flatMap(({ source, scaling }) => valued(source, scaling))
    const rank =
      agreed(
        ranks,
        (a, b) => a === b,
        pair => contradiction('rank', pair),
      ) ?? module.rank
    const alpha = agreed(alphas, isSameAlpha, pair => contradiction('alpha', pair)) ?? rank
    const kind = agreed(
      kinds,
      (a, b) => a === b,
      pair => contradiction('way of scaling', pair),
    )
    return { alpha, scale: alpha / (kind === rankStabilised ? Math.sqrt(rank) : rank) }
  })
}

const rankStabilised = 'use_rslora true'

/** What a source says of each module; nothing of those that it does not speak of. */
function statementsOf(file: string, modules: readonly ScaledModule[], source: ScaleSource) {
  const { name, component, alphaPatterns, rankPatterns } = source
  const forms = modules.map(module => module.forms)
  const alphas = matchPatterns(`adapter ${file}: ${name}`, alphaPatterns, forms)
  const ranks = matchPatterns(`adapter ${file}: ${name}`, rankPatterns, forms)
  return modules.map((module, index) => {
    if (source.downUpOnly && !module.downUp) return undefined
    if (component !== undefined && component !== (module.component ?? 'transformer')) return undefined
    return {
      source: name,
      alpha: alphas[index] ?? source.alpha,
      rank: ranks[index] ?? source.rank,
      scaling:
        source.rankStabilised === undefined
          ? undefined
          : source.rankStabilised
            ? rankStabilised
            : 'use_rslora false',
    }
  })
}

function valued<T>(source: string, value: T | undefined): Statement<T>[] {
  return value === undefined ? [] : [{ source, value }]
}

/** The first value, which all others have to equal. */
function agreed<T>(
  statements: readonly Statement<T>[],
  isSame: (a: T, b: T) => boolean,
  contradiction: (pair: readonly Statement<T>[]) => CheckpointError,
): T | undefined {
  const [first, ...others] = statements
  if (first === undefined) return undefined
  const other = others.find(({ value }) => !isSame(first.value, value))
  if (other !== undefined) throw contradiction([first, other])
  return first.value
}

function isSameAlpha(a: number, b: number): boolean {
  return Math.abs(a - b) <= alphaTolerance * Math.max(Math.abs(a), Math.abs(b))
}
