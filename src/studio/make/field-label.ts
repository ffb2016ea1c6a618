import type { FieldView } from '../../server/framewright/contract.ts'

/** A flag as words: `--guidance-interval` is "Guidance interval". */
export function fieldLabel({ name, flag }: FieldView): string {
  const words = (flag?.slice(2) ?? name).replaceAll('-', ' ')
  return words[0]!.toUpperCase() + words.slice(1)
}
