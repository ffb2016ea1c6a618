/** Says what a video or picture is, as JSON on standard output: a process of its own, for a file that a client sent. */
import { probeMedia } from '../../media/probe.ts'

process.stdout.write(JSON.stringify(await probeMedia(process.argv[2]!)))
