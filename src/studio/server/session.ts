import { signal } from '@preact/signals'

const name = 'framewright-key'

/** The API key of this tab: it goes with requests in their header, and is gone with the tab. */
export const apiKey = signal(sessionStorage.getItem(name) ?? undefined)

/** Whether the server has asked for a key, or does not know the one there is. */
export const keyNeeded = signal<'none' | 'wrong' | undefined>(undefined)

export function useKey(key: string): void {
  sessionStorage.setItem(name, key)
  apiKey.value = key
  keyNeeded.value = undefined
}

/** The server has refused a request for its key. */
export function refuseKey(): void {
  keyNeeded.value = apiKey.value === undefined ? 'none' : 'wrong'
}
