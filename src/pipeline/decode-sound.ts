import { concatenate, sliceAxis } from '../tensor/axis.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { SoundFacts, SoundGraph } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'

/**
 * Decodes the sound of a clip, a long one in parts. It is as long as its decoder makes it.
 * @param latents of the sound's stream, as the denoiser has them
 * @returns the waveform, f32 [channels, samples]
 */
export async function decodeSound(
  sound: SoundFacts,
  latents: Tensor,
  runner: Pick<GraphRunner, 'run'>,
): Promise<Tensor<'f32'>> {
  let value = { name: 'latents', tensor: latents }
  for (const graph of sound.decoder) value = await inParts(graph, value, runner)
  const { name, tensor: waveform } = value
  if (name === 'waveform' && waveform.dtype === 'f32' && waveform.shape[0] === sound.channels)
    return waveform as Tensor<'f32'>
  const got = `${name} ${waveform.dtype} [${waveform.shape}]`
  throw new TypeError(`waveform: expected f32 [${sound.channels}, samples], got ${got}.`)
}

interface Named {
  readonly name: string
  readonly tensor: Tensor
}

/** Parts of about one size, each run with the steps around it that its output depends on. */
async function inParts(
  { graph, axes: [input, output], perStep, fewer, context: [before, after], chunk }: SoundGraph,
  { name, tensor: whole }: Named,
  { run }: Pick<GraphRunner, 'run'>,
): Promise<Named> {
  const steps = whole.shape[input]!
  const count = Math.ceil(steps / chunk)
  const edge = (part: number) => Math.round((part * steps) / count)
  const startOf = (step: number) => Math.max(0, perStep * step - fewer)
  const parts: Tensor[] = []
  let made = ''
  for (let part = 0; part < count; part++) {
    const [start, end] = [edge(part), edge(part + 1)]
    const [from, to] = [Math.max(0, start - before), Math.min(steps, end + after)]
    const feed = count === 1 ? whole : sliceAxis(whole, input, from, to)
    const [[result, tensor] = []] = Object.entries((await run(graph, { [name]: feed })).tensors)
    if (result === undefined || tensor === undefined) throw new TypeError(`${graph}: expected an output.`)
    made = result
    // The first step of a part with others before it has as few outputs as the first of all.
    const last = part + 1 === count ? tensor.shape[output]! : startOf(end) - perStep * from
    const first = startOf(start) - perStep * from
    parts.push(count === 1 ? tensor : sliceAxis(tensor, output, first, last))
  }
  const [only, ...rest] = parts
  return { name: made, tensor: rest.length === 0 ? only! : concatenate(parts, output) }
}
