import { signal } from '@preact/signals'

const name = 'framewright-theme'

type Theme = 'light' | 'dark'

/** The theme that was chosen; undefined for the system's. */
export const theme = signal((localStorage.getItem(name) as Theme | null) ?? undefined)

/** Shows the chosen theme. */
export function applyTheme(): void {
  if (theme.value) document.documentElement.dataset.theme = theme.value
}

/** Changes to the theme that is not shown. */
export function switchTheme(): void {
  const dark = theme.value ? theme.value === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  theme.value = dark ? 'light' : 'dark'
  localStorage.setItem(name, theme.value)
  applyTheme()
}
