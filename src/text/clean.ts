import { unescapeHtml } from './html-unescape.ts'

/** Text that `fixText` would return as it is: printable ASCII, tabs and line feeds, without a `&`. */
const plain = /^[\t\n\x20-\x25\x27-\x7e]*$/

/** What Python's `\s` and `str.strip()` take for whitespace, less the controls that never get this far. */
const whitespaceRun = /\p{White_Space}+/gu

/**
 * Cleans a prompt as diffusers' Wan pipelines do before they tokenize it (`prompt_clean` in
 * pipelines/wan/pipeline_wan.py): ftfy's repair of broken text (mojibake, curly quotes, ligatures, full-width
 * letters, control characters, NFC), HTML references resolved twice, runs of whitespace made one space, trimmed.
 */
export async function cleanPrompt(prompt: string): Promise<string> {
  const fixed = plain.test(prompt) ? prompt : await fixText(prompt)
  return unescapeHtml(unescapeHtml(fixed)).replace(whitespaceRun, ' ').replace(/^ | $/g, '')
}

/** ftfy.fix_text with its defaults. Its tables are large, so they load with the first prompt that needs them. */
async function fixText(text: string): Promise<string> {
  const { fix_text } = await import('ftfy-js')
  return fix_text(text)
}
