/** Links between the documents, as GitHub follows them. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { documents } from './markdown-code.ts'

/** Without code, whose brackets are no links. */
const prose = (file: string) => readFileSync(file, 'utf8').replace(/^```.*?^```$/gms, '')

/** The anchor of a heading. */
function anchorOf(heading: string): string {
  const text = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim()
    .toLowerCase()
  return text.replace(/[^\p{L}\p{N}_\- ]/gu, '').replaceAll(' ', '-')
}

const anchorsOf = (file: string) =>
  [...prose(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!))

test('links between the documents lead to files and headings that there are', () => {
  const links = documents.flatMap(file =>
    [...prose(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => [file, link!] as const),
  )
  const local = links.filter(([, link]) => !/^[a-z]+:/.test(link))
  expect(local.length).toBeGreaterThan(50)
  const broken = local.filter(([file, link]) => {
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? file : normalize(`${dirname(file)}/${path}`)
    return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
  })
  expect(broken).toEqual([])
})
