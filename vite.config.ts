import { defineConfig } from 'vite'

/** The Studio and the page of the interface's documentation, which a server sends. Their files name each other by relative paths. */
export default defineConfig({
  root: 'src/studio',
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/studio',
    emptyOutDir: true,
    // Nothing inline: the content security policy has no data: scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    rolldownOptions: { input: ['src/studio/index.html', 'src/studio/docs.html'] },
  },
})
