/** The pages under docs/: their commands can be parsed, and the table of models is made from the code. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { families } from '../models/index.ts'
import { wanPresets } from '../models/wan/presets.ts'
import { createProgram } from '../src/cli/program.ts'
import { openCheckpoint } from '../src/engine/checkpoint.ts'
import { openingOf } from '../src/pipeline/extend-plan.ts'
import type { Family, Mode, Variant } from '../src/pipeline/family.ts'
import { presetText } from '../src/pipeline/fields/preset.ts'
import { fixture, hasFixture } from './fixtures.ts'

const pages = readdirSync('docs').filter(name => name.endsWith('.md'))

/** Shell lines of a page: indented by four spaces, or in a block. */
function commandsOf(page: string): string[] {
  const text = readFileSync(`docs/${page}`, 'utf8')
  return [...text.matchAll(/^(?: {4})?(?:npx )?(framewright .*)$/gm)].map(([, line]) => line!)
}

/** As a shell splits a line: words, and what is in double quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)
}

describe('a command in the documents', () => {
  const commands = pages.flatMap(page => commandsOf(page).map(line => [page, line] as const))

  test('is there for every mode', () => {
    const modes = [
      'text-to-video',
      'image-to-video',
      'keyframes',
      'video-to-video',
      'control',
      'extend',
      'lora',
      'cheaper-steps',
      'two-experts',
      'memory',
    ]
    const shown = new Set(commands.map(([page]) => basename(page, '.md')))
    expect(modes.filter(mode => !shown.has(mode))).toEqual([])
  })

  test.each(commands)('of %s can be parsed: %s', async (_, line) => {
    const [, name, ...words] = wordsOf(line)
    const top = (await createProgram()).commands.find(each => each.name() === name)
    expect(top).toBeDefined()
    const command = top!.commands.find(each => each.name() === words[0]) ?? top!
    const { unknown } = command.parseOptions(words)
    expect(unknown).toEqual([])
  })
})

const columns: readonly (readonly [title: string, can: (variant: Variant) => boolean])[] = [
  ['[text](text-to-video.md)', has('text')],
  ['[first frame](image-to-video.md)', has('image')],
  ['[last frame](image-to-video.md)', has('last-image')],
  ['[keyframes](keyframes.md)', has('keyframes')],
  ['[video](video-to-video.md)', has('video')],
  ['[control, mask](control.md)', has('control')],
  ['[references](control.md)', has('references')],
  ['[extend](extend.md)', variant => openingOf(variant) !== undefined],
]

function has(mode: Mode) {
  return ({ modes }: Variant) => modes.includes(mode)
}

function tableOfModels(): string {
  const variants = families.flatMap(family => family.variants)
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const cell = (variant: Variant, can: boolean, title: string) => {
    const needed = variant.requires.some(mode => title.startsWith(mode === 'image' ? '[first' : '[last'))
    return can ? (needed ? 'needed' : 'yes') : ''
  }
  return [
    '# Models and what they can be asked for',
    '',
    'Made from the code by `npx vitest run test/docs.test.ts --update`. [LoRA adapters](lora.md) and',
    '[cheaper steps](cheaper-steps.md) go with every model.',
    '',
    row(['model', ...columns.map(([title]) => title)]),
    row(['model', ...columns].map(() => '---')),
    ...variants.map(variant => {
      const link = `[${variant.name}](https://huggingface.co/${variant.repository})`
      return row([link, ...columns.map(([title, can]) => cell(variant, can(variant), title))])
    }),
    '',
    '## Pipeline classes',
    '',
    'The `_class_name` of `model_index.json` says how a folder is run. Beside the classes of diffusers',
    `(${families.flatMap(own).join(', ')}), these are read:`,
    '',
    row(['class', 'run as', 'what it changes']),
    row(['---', '---', '---']),
    ...families.flatMap(({ aliases }) =>
      aliases.map(each => row([code(each.name), code(each.of), each.changes])),
    ),
    '',
  ].join('\n')
}

/** The classes that are not aliases. */
function own({ pipelines, aliases }: Family): string[] {
  return pipelines.filter(name => aliases.every(alias => alias.name !== name)).map(code)
}

function code(name: string): string {
  return `\`${name}\``
}

test('the table of presets is that of the code', () => {
  const page = readFileSync('docs/lora.md', 'utf8')
  const rows = wanPresets.map(preset => {
    return `| \`${preset.name}\` | [${preset.what}](${preset.source}) | ${presetText(preset)} |`
  })
  // Cells are padded to the width of their column.
  expect(page.replaceAll(/ +/g, ' ')).toContain(rows.join('\n'))
})

describe('the table of models', () => {
  test('is what the code says', async () => {
    await expect(tableOfModels()).toMatchFileSnapshot('../docs/models.md')
  })

  test.each(
    [
      ['wan21-t2v', 'Wan 2.1 T2V'],
      ['wan21-i2v', 'Wan 2.1 I2V'],
      ['wan21-flf2v', 'Wan 2.1 FLF2V'],
      ['wan21-vace', 'Wan 2.1 VACE'],
      ['wan22-t2v-a14b', 'Wan 2.2 T2V-A14B'],
      ['wan22-i2v-a14b', 'Wan 2.2 I2V-A14B'],
      ['wan22-ti2v-5b', 'Wan 2.2 TI2V-5B, doodle'],
      ['ltx-video', 'LTX-Video 0.9.0, 0.9.1'],
      ['ltx-condition', 'LTX-Video 0.9.5, 0.9.7'],
      ['hunyuan15-t2v', 'HunyuanVideo 1.5 T2V'],
      ['hunyuan15-i2v', 'HunyuanVideo 1.5 I2V'],
    ].filter(([folder]) => hasFixture(`${folder}/model/model_index.json`)),
  )('has the modes of the checkpoint %s in the row of %s', async (folder, name) => {
    const { model } = await openCheckpoint(fixture(`${folder}/model`), families)
    const variant = families.flatMap(({ variants }) => variants).find(each => each.name === name)
    expect(variant).toMatchObject({ modes: model.facts.modes, requires: model.facts.requires })
  })

  test('has the modes of the built-in model in the row that names it', async () => {
    const { model } = await openCheckpoint('models/doodle/checkpoint', families)
    const variant = families.flatMap(({ variants }) => variants).find(({ name }) => name.endsWith('doodle'))
    expect(variant).toMatchObject({ modes: model.facts.modes, requires: model.facts.requires })
  })
})
