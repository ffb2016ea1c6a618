/**
 * The decoder of the LTX-2 audio VAE (diffusers `AutoencoderKLLTX2Audio`): latents to mel spectrograms, of which a latent
 * is 4 frames and 4 bins. A frame sees only frames before it, so the first latent is one frame.
 *
 *   latents [channels, frames, bins / 4] ──▶ mel [2, 4·frames − 3, bins], logarithms of magnitudes
 */
import { Graph, type Value } from '../../src/graph/graph.ts'
import { dimAt } from '../../src/graph/operand.ts'
import { silu } from '../../src/graph/ops/activation.ts'
import { conv2d, upsampleNearest2x } from '../../src/graph/ops/convolution.ts'
import { add, divide, multiply, squareRoot } from '../../src/graph/ops/elementwise.ts'
import { reshape, slice, unsqueeze } from '../../src/graph/ops/layout.ts'
import { l2Norm } from '../../src/graph/ops/normalization.ts'
import { Scope, type WeightSource } from '../../src/graph/scope.ts'
import { type Ltx2AudioVaeConfig, latentBins } from './audio-config.ts'

/** Of the norms. */
const epsilon = 1e-6

/**
 * Input: `latents` f32 [channels, frames, bins / 4], normalised as the transformer gives them. Output: `mel` f32
 * [output channels, 4·frames − 3, bins]. In f32 whatever the checkpoint is stored in: rounding would be heard.
 */
export function ltx2AudioDecoder(config: Ltx2AudioVaeConfig, weights: WeightSource): Graph {
  const graph = new Graph('audio-decoder', { precision: 'f32' })
  const scope = new Scope(graph, weights)
  const { latent_channels: channels, mel_bins: bins } = config
  const latents = graph.input('latents', 'f32', [channels, 'frames', latentBins(config)])
  const clean = unsqueeze(denormalized(scope, latents, config), 0) // [1, channels, frames, bins / 4]
  const mel = scope.in('decoder', decoder => decoderNetwork(decoder, clean, config)) // [1, output channels, 4·frames − 3, bins]
  graph.output('mel', reshape(mel, [config.output_channels, '*', bins]))
  return graph
}

/** (x · deviation) + mean; the statistics are of a packed latent, (channel, bin). */
function denormalized(scope: Scope, latents: Value, config: Ltx2AudioVaeConfig): Value {
  const as = [config.latent_channels, 1, latentBins(config)]
  const statistic = (name: string) => scope.weight(name, [config.base_channels], { as })
  return add(multiply(latents, statistic('latents_std')), statistic('latents_mean'))
}

/** From the smallest resolution, level by level: the levels are numbered from the largest. */
function decoderNetwork(scope: Scope, latents: Value, config: Ltx2AudioVaeConfig): Value {
  const widths = config.ch_mult.map(factor => factor * config.base_channels)
  const narrowest = widths.at(-1)!
  let x = causalConv(scope, 'conv_in', latents, narrowest)
  for (const name of ['mid.block_1', 'mid.block_2']) x = residualBlock(scope, name, x, narrowest)
  for (const [level, width] of [...widths.entries()].reverse()) {
    for (let block = 0; block <= config.num_res_blocks; block++) {
      x = residualBlock(scope, `up.${level}.block.${block}`, x, width)
    }
    if (level > 0) x = upsample(scope, `up.${level}.upsample.conv`, x)
  }
  return causalConv(scope, 'conv_out', silu(pixelNorm(x)), config.output_channels)
}

/** Doubles frames and bins. The first frame goes away: it would be a copy of what comes before the sound. */
function upsample(scope: Scope, name: string, x: Value): Value {
  const doubled = causalConv(scope, name, upsampleNearest2x(x), Number(dimAt(x, 1)))
  return slice(doubled, 2, 1) // [1, channels, 2·frames − 1, 2·bins]
}

function residualBlock(scope: Scope, name: string, x: Value, out: number): Value {
  return scope.in(name, block => {
    const first = causalConv(block, 'conv1', silu(pixelNorm(x)), out)
    const second = causalConv(block, 'conv2', silu(pixelNorm(first)), out)
    const shortcut = dimAt(x, 1) === out ? x : causalConv(block, 'nin_shortcut', x, out, 1)
    return add(shortcut, second)
  })
}

/** x / √(mean over the channels of x² + ε). */
function pixelNorm(x: Value): Value {
  const norm = l2Norm(x, 1) // [1, 1, frames, bins]
  const meanSquare = divide(multiply(norm, norm), Number(dimAt(x, 1)))
  return divide(x, squareRoot(add(meanSquare, epsilon)))
}

/** The convolution `<scope>.<name>.conv` over frames, which sees only those before, and bins. */
function causalConv(scope: Scope, name: string, x: Value, out: number, kernel: 1 | 3 = 3): Value {
  return scope.in(`${name}.conv`, layer => {
    const weight = layer.weight('weight', [out, Number(dimAt(x, 1)), kernel, kernel])
    const edge = (kernel - 1) / 2
    return conv2d(x, weight, layer.weight('bias', [out]), { padding: [2 * edge, edge, 0, edge] })
  })
}
