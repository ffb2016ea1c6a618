/** The documentation site: `pages` holds copies of docs/ and the API reference that TypeDoc writes. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { defineConfig } from 'vitepress'

const docs = path.resolve(import.meta.dirname, '../..')

/** Pages by section; a page of docs/ that is in none ends up in "More". */
const sections: Readonly<Record<string, readonly string[]>> = {
  'Make videos': [
    'text-to-video',
    'image-to-video',
    'keyframes',
    'video-to-video',
    'control',
    'extend',
    'files',
  ],
  Models: ['models', 'lora', 'two-experts', 'cheaper-steps', 'memory'],
  Serve: ['server', 'endpoints', 'worker'],
  Reference: ['errors', 'benchmark'],
}

const pages = readdirSync(docs)
  .filter(name => name.endsWith('.md') && name !== 'index.md')
  .map(name => name.slice(0, -3))
const placed = new Set(Object.values(sections).flat())

function titleOf(page: string): string {
  return readFileSync(path.join(docs, `${page}.md`), 'utf8').match(/^# (.+)$/m)?.[1] ?? page
}

function sectionOf(text: string, names: readonly string[]) {
  return {
    text,
    items: names
      .filter(name => pages.includes(name))
      .map(name => ({ text: titleOf(name), link: `/${name}` })),
  }
}

export default defineConfig({
  title: 'Framewright',
  description: 'Video generation runtime for Node: open diffusion-transformer models in, video files out',
  srcDir: 'pages',
  outDir: '../../out/site',
  cacheDir: '../../out/site-cache',
  cleanUrls: true,
  // Files of the repository beside docs/: GitHub has them, the site has not. Every other link is checked.
  ignoreDeadLinks: [/^(\.\/)?\.\.\//],
  themeConfig: {
    search: { provider: 'local' },
    nav: [{ text: 'API', link: '/api/' }],
    sidebar: [
      ...Object.entries(sections).map(([text, names]) => sectionOf(text, names)),
      sectionOf(
        'More',
        pages.filter(page => !placed.has(page)),
      ),
      { text: 'API', items: [{ text: 'Library', link: '/api/' }] },
    ].filter(({ items }) => items.length > 0),
  },
})
