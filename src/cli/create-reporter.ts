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
  if (quiet) return quietReporter(streams)
  const options = { videos, factor: upscale?.factor ?? 1 }
  return streams.err.isTTY ? barReporter(streams, options) : plainReporter(streams, options)
}
