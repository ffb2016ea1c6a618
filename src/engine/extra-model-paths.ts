/** ComfyUI's `extra_model_paths.yaml`: more folders of models (ComfyUI `utils/extra_config.py`). */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'

/** Folders of models by kind: `vae`, `text_encoders`. */
export type ModelPaths = ReadonlyMap<string, readonly string[]>

/** The folders that a file names; none where it is not there. */
export async function readExtraModelPaths(file: string): Promise<ModelPaths> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const paths = new Map<string, string[]>()
  for (const { base_path: base = [''], is_default: _, ...kinds } of sectionsOf(text)) {
    const root = path.resolve(path.dirname(file), expanded(base[0]!))
    for (const [kind, folders] of Object.entries(kinds)) {
      const found = folders.map(folder => path.resolve(root, expanded(folder)))
      paths.set(kind, [...(paths.get(kind) ?? []), ...found])
    }
  }
  return paths
}

function expanded(folder: string): string {
  const home = folder.replace(/^~(?=$|[/\\])/, homedir())
  return home.replace(/\$\{?(\w+)\}?/g, (whole, name: string) => process.env[name] ?? whole)
}

type Section = Record<string, string[]>

/** The part of YAML that such files are written in: sections of keys, with a value each or a block (`|`) of lines. */
function sectionsOf(text: string): Section[] {
  const sections: Section[] = []
  let block: { readonly indent: number; readonly lines: string[] } | undefined
  for (const line of text.split(/\r?\n/)) {
    const content = line.replace(/(?:^|\s)#.*$/, '').trimEnd()
    if (content.trim() === '') continue
    const indent = content.length - content.trimStart().length
    if (block && indent > block.indent) {
      block.lines.push(unquoted(content.trim()))
      continue
    }
    block = undefined
    const [, key, value] = /^\s*["']?([\w.-]+)["']?\s*:\s*(.*)$/.exec(content) ?? []
    if (key === undefined || value === undefined) continue
    if (indent === 0) {
      sections.push({})
      continue
    }
    const lines = /^[|>][+-]?\d*$/.test(value) || value === '' ? [] : [unquoted(value)]
    const section = sections.at(-1)
    if (section) section[key] = lines
    if (lines.length === 0) block = { indent, lines }
  }
  return sections
}

/** A value without its quotes, or the dash of a list's entry. */
function unquoted(value: string): string {
  return value.replace(/^-\s+/, '').replace(/^(["'])(.*)\1$/, '$2')
}
