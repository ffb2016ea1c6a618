import type { Command } from 'commander'

/** Adds the defaults of the model to the help of `generate`, where a command line asks for that help. */
export async function addModelDefaults(program: Command, words: readonly string[]): Promise<void> {
  if (words[0] !== 'generate' || !words.some(word => word === '--help' || word === '-h')) return
  const command = program.commands.find(each => each.name() === 'generate')
  const { builtInModel, resolveModel } = await import('../engine/model-name.ts')
  const name = modelOf(words) ?? builtInModel
  const { inspectModel } = await import('../api/models.ts')
  const { defaults, modes } = await inspectModel({ model: await resolveModel(name) })
  const { width, height, frames, fps, steps, guidance, negativePrompt } = defaults
  const lines = [
    `Defaults of ${name}:`,
    `  --size ${width}x${height}  --frames ${frames} (${(frames / fps).toFixed(1)} s)  --fps ${fps}`,
    `  --steps ${steps}  --guidance ${guidance}  --negative ${JSON.stringify(negativePrompt)}`,
    `  It can be asked for: ${modes.join(', ')}`,
  ]
  command?.addHelpText('after', `\n${lines.join('\n')}`)
}

function modelOf(words: readonly string[]): string | undefined {
  const joined = words.find(word => word.startsWith('--model='))
  if (joined !== undefined) return joined.slice('--model='.length)
  const at = words.findIndex(word => word === '-m' || word === '--model')
  return at < 0 ? undefined : words[at + 1]
}
