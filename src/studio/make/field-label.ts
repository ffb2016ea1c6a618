import { fieldNamed } from '../models/capabilities.ts'

/** A setting in words, by its flag where it has one: `--guidance-interval` is "Guidance interval". */
export function fieldLabel(name: string): string {
  const words = (fieldNamed(name)?.flag?.slice(2) ?? name)
    .replaceAll(/([A-Z])/g, ' $1')
    .replaceAll('-', ' ')
    .toLowerCase()
  return words[0]!.toUpperCase() + words.slice(1)
}
