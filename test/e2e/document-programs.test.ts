/** Every program in the documents, compiled against the package. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { documentPrograms } from '../markdown-code.ts'
import { scratchFolder } from '../scratch.ts'

const run = promisify(execFile)
const folder = scratchFolder()

/** Compiles programs as a project does that has installed the package, with Node's types and without the DOM's. */
async function compile(sources: readonly string[], options: object): Promise<string> {
  const project = mkdtempSync(join(folder, 'project-'))
  const packages = sources.flatMap(text =>
    [...text.matchAll(/from '((?:@[\w-]+\/)?[\w-]+)/g)].map(([, name]) => name!),
  )
  for (const name of new Set(['@types/node', 'framewright', ...packages])) {
    const link = join(project, 'node_modules', name)
    const target = name === 'framewright' ? '.' : `node_modules/${name}`
    if (/^node/.test(name)) continue
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(resolve(target), link)
  }
  const files = sources.map((text, index) => {
    writeFileSync(join(project, `${index}.mts`), text)
    return `${index}.mts`
  })
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023'],
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    types: ['node'],
    strict: true,
    noEmit: true,
    ...options,
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const tsc = resolve('node_modules/typescript/bin/tsc')
  return await run(process.execPath, [tsc, '-p', project]).then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  )
}

describe('programs', () => {
  const consumer = `
    import * as framewright from 'framewright'
    import type { MediaSource } from 'framewright'
    import sharp from 'sharp'
    export const image: MediaSource = sharp('a.png')
    export const sources: MediaSource[] = ['a.png', new URL('file:///a.png'), Buffer.of(1), new Blob([])]
    for await (const event of framewright.generate({ prompt: 'a ball', output: 'a.mp4', image: sources[1] })) {
      if (event.type === 'notice') console.log(event.code, event.message)
    }
  `
  const wrong = "import { generateVideos } from 'framewright'\ngenerateVideos()"
  /** What the compiler says of all of them at once, which takes little longer than one. */
  let said: readonly string[]

  beforeAll(async () => {
    const sources = [...documentPrograms.map(({ text }) => text), consumer, wrong]
    said = (await compile(sources, { skipLibCheck: true })).split('\n').filter(line => line !== '')
  })

  test('of the documents compile as they stand, and so does one that has pictures of sharp', () => {
    expect(said.filter(line => !line.includes(`/${documentPrograms.length + 1}.mts(`))).toEqual([])
  })

  test('that are wrong are found', () => {
    expect(said.join('\n')).toContain('generateVideos')
  })

  test('compile with the declarations of the package checked, without the DOM', async () => {
    const out = await compile([consumer.replace(/.*sharp.*\n/g, '')], { skipLibCheck: false })
    expect(out).toBe('')
  })
})
