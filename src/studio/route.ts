import { signal } from '@preact/signals'

export const views = ['make', 'gallery', 'compare'] as const
export type View = (typeof views)[number]

interface Route {
  readonly view: View
  /** What follows the view: ids of tasks. */
  readonly ids: readonly string[]
}

/** The view that the address names: `#/compare/<id>/<id>`. */
export const route = signal<Route>(read())

/** Keeps the view in step with the address. @returns ends it */
export function followAddress(): () => void {
  const change = () => {
    route.value = read()
  }
  window.addEventListener('hashchange', change)
  return () => window.removeEventListener('hashchange', change)
}

export function addressOf({
  view,
  ids = [],
}: {
  readonly view: View
  readonly ids?: readonly string[]
}): string {
  return `#/${[view, ...ids].join('/')}`
}

export function goTo(to: Parameters<typeof addressOf>[0]): void {
  location.hash = addressOf(to)
}

function read(): Route {
  const [, name = '', ...ids] = location.hash.split('/')
  const view = views.find(each => each === name) ?? 'make'
  return { view, ids: ids.filter(id => /^[0-9a-f-]{36}$/.test(id)) }
}
