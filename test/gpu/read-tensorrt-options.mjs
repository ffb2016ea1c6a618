/** Prints what the TensorRT provider makes of options: `key=value;…`, or why it refuses them. */
import { createRequire } from 'node:module'

const { addon, library, options } = JSON.parse(process.argv[2])
const binding = createRequire(import.meta.url)(addon)
binding.load(library)
binding.createLane() // opens the environment that the provider writes its log to
try {
  process.stdout.write(binding.tensorRtOptions(options))
} catch (error) {
  process.stdout.write(`refused: ${error.message}`)
}
