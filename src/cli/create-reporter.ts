import { barReporter } from './bar-reporter.ts'
import { jsonReporter } from './json-reporter.ts'
import { plainReporter } from './plain-reporter.ts'
import { quietReporter } from './quiet-reporter.ts'
import type { Reporter, Streams } from './reporter.ts'

/** A bar on a terminal, plain lines elsewhere; JSON lines or the path alone where that was asked for. */
export function createReporter(
  { json, quiet, upscale }: { json?: boolean; quiet?: boolean; upscale?: { readonly factor: number } },
  videos: number,
  streams: Streams = { out: process.stdout, err: process.stderr },
): Reporter {
  if (json) return jsonReporter(streams)
  if (quiet) return onceEach(quietReporter(streams))
  const options = { videos, factor: upscale?.factor ?? 1 }
  return onceEach(streams.err.isTTY ? barReporter(streams, options) : plainReporter(streams, options))
}

/** What several videos have in common to notice is said once. */
function onceEach(reporter: Reporter): Reporter {
  const said = new Set<string>()
  return {
    ...reporter,
    event(job, event) {
      if (event.type === 'notice') {
        if (said.has(event.message)) return
        said.add(event.message)
      }
      reporter.event(job, event)
    },
  }
}
