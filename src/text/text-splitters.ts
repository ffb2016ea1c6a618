/** Cuts a stretch of text between special tokens into words; `section_index` says which stretch it is. */
export type Splitter = (text: string, options?: { section_index?: number }) => string[]

/** The settings of a `Metaspace` pre-tokenizer in tokenizer.json, with the older spelling of `prepend_scheme`. */
export interface MetaspaceConfig {
  readonly replacement?: string | undefined
  readonly prepend_scheme?: 'always' | 'first' | 'never' | undefined
  readonly add_prefix_space?: boolean | undefined
  readonly split?: boolean | undefined
}

/** Words between runs of Unicode whitespace. */
export function splitAtWhitespace(text: string): string[] {
  return text.split(/\p{White_Space}+/u).filter(word => word !== '')
}

/**
 * Writes spaces as a visible mark (▁), puts one in front of the text where the scheme asks for it, and cuts
 * before every mark, so that `a  b` gives `▁a`, `▁`, `▁b`.
 */
export function metaspaceSplitter(config: MetaspaceConfig): Splitter {
  const { replacement = '▁', split = true } = config
  const scheme = config.prepend_scheme ?? (config.add_prefix_space === false ? 'never' : 'always')
  return (text, { section_index } = {}) => {
    const marked = text.replaceAll(' ', replacement)
    const prepends = scheme === 'always' || (scheme === 'first' && section_index === 0)
    const whole = prepends && !marked.startsWith(replacement) ? replacement + marked : marked
    return split ? cutBefore(whole, replacement) : [whole]
  }
}

function cutBefore(text: string, mark: string): string[] {
  const [head = '', ...rest] = text.split(mark)
  const words = rest.map(word => mark + word)
  return head === '' ? words : [head, ...words]
}
