import type { TaskView } from '../../server/framewright/contract.ts'

/** A setting that is not the same in all tasks, with what it is in each. */
export interface Difference {
  readonly name: string
  /** Undefined where the task has the model's own. */
  readonly values: readonly (string | undefined)[]
}

/** What tasks were made differently in, in the order in which their requests have it. */
export function differencesOf(tasks: readonly TaskView[]): readonly Difference[] {
  const settings = tasks.map(settingsOf)
  const names = [...new Set(settings.flatMap(each => Object.keys(each)))]
  const all = names.map(name => ({ name, values: settings.map(each => each[name]) }))
  return all.filter(({ values }) => new Set(values).size > 1)
}

/** What stands below each video. */
export const captionLimits = { settings: 2, characters: 60 } as const

/** Whether the captions of the videos say all of it. */
export function fitCaptions(differences: readonly Difference[]): boolean {
  return (
    differences.length <= captionLimits.settings &&
    differences.every(({ values }) => values.every(value => (value?.length ?? 0) <= captionLimits.characters))
  )
}

function settingsOf({ model, request, loras }: TaskView): Readonly<Record<string, string>> {
  const adapters = loras.map(({ name, scale }) => `${name} × ${scale}`).join(', ')
  const all = { model, ...request, ...(adapters !== '' && { adapters }) }
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, textOf(value)]))
}

/** Files are told by their names: every task has an address of its own for the same one. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value.replace(/^task:\/\/[^/]+\//, '')
  return JSON.stringify(value).replaceAll(/task:\/\/[^/"]+\//g, '')
}
