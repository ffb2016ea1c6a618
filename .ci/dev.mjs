/**
 * Compiles on every change, and runs a command of framewright again: `npm run dev -- generate "a red ball" -o a.mp4`.
 * Without a command it only compiles. Ctrl-C ends both.
 */
import { spawn } from 'node:child_process'

const command = process.argv.slice(2)
const inherit = { stdio: 'inherit' }
const first = spawn('npm', ['run', '--silent', 'build'], inherit)
first.once('exit', code => {
  if (code !== 0) console.error('dev: the build fails; waiting for a change')
  const programs = [
    spawn(
      'node_modules/.bin/tsc',
      ['-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'],
      inherit,
    ),
    spawn('node_modules/.bin/vite', ['build', '--watch', '--logLevel', 'warn'], inherit),
  ]
  if (command.length > 0) {
    const paths = ['dist/src', 'dist/models', 'dist/kernels'].map(path => `--watch-path=${path}`)
    programs.push(spawn(process.execPath, [...paths, 'dist/src/cli/main.js', ...command], inherit))
  }
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      for (const each of programs) each.kill(signal)
    })
  }
})
