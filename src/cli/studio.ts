import { spawn } from 'node:child_process'
import { Command } from 'commander'
import { addServeFlags, type ServeFlags, serve } from './serve.ts'

const examples = `
Examples:
  framewright studio
  framewright studio -m Wan-AI/Wan2.1-T2V-1.3B-Diffusers --device cuda:0
  framewright studio --no-open --port 9000

It is "framewright serve" with a browser opened: the page makes, directs, watches and compares videos.`

export function studioCommand(): Command {
  const command = new Command('studio').description(
    'Start a server and open the Studio, its page to make videos in',
  )
  return addServeFlags(command)
    .option('--no-open', 'open no browser: print the address alone')
    .addHelpText('after', examples)
    .action(async ({ open, ...flags }: ServeFlags & { readonly open: boolean }) => {
      await serve(flags, { onServing: url => (open ? openBrowser(pageOf(url)) : undefined) })
    })
}

/** Where the page is reached from this machine: no browser opens the address of all interfaces. */
export function pageOf(address: string): string {
  const url = new URL(address)
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = 'localhost'
  return url.href
}

/** What opens an address in the browser of the user, by platform. */
const openers: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}

/** Opens a browser where there is one; else the address that was printed is there to be opened by hand. */
function openBrowser(url: string): void {
  const [command, ...words] = openers[process.platform] ?? ['xdg-open']
  const child = spawn(command, [...words, url], { stdio: 'ignore', detached: true })
  child.once('error', () => process.stderr.write(`no browser was found: open ${url}\n`))
  child.unref()
}
