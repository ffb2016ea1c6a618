/** `npm run bench -- <name> [options]`: one file answers one question. */
import { parseArgs } from 'node:util'
import { isBusy, machine } from '../src/benchmark/machine.ts'
import { type BenchOptions, saveResults } from './results.ts'

interface Bench {
  readonly question: string
  readonly run: () => Promise<(options: BenchOptions) => Promise<object>>
}

const benches: Readonly<Record<string, Bench>> = {
  denoise: {
    question: 'How long does a step take, a video, and the way from a cold start to the first step?',
    run: async () => (await import('./denoise.bench.ts')).measureDenoising,
  },
  studio: {
    question: 'How soon does the Studio show itself in a browser on this machine?',
    run: async () => (await import('./studio.bench.ts')).measurePage,
  },
  serve: {
    question: 'How long does a server take to answer 200 clients, and does its memory grow with its tasks?',
    run: async () => (await import('./serve.bench.ts')).measureServing,
  },
  weights: {
    question: 'What do weights as bf16, fp8 and Q4_K take in memory, to open, and in a step?',
    run: async () => (await import('./weights.bench.ts')).measureWeights,
  },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    json: { type: 'string' },
    layers: { type: 'string' },
    peer: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
  },
})

const name = positionals[0] ?? ''
const bench = benches[name]
const rounds = Number(values.rounds)
if (values.help || bench === undefined || !(Number.isInteger(rounds) && rounds >= 1)) {
  const say = values.help ? console.log : console.error
  say('npm run bench -- <name> [--rounds N] [--peer PYTHON] [--layers N] [--quick] [--json FILE]\n')
  for (const [each, { question }] of Object.entries(benches)) say(`  ${each.padEnd(10)} ${question}`)
  process.exitCode = values.help ? 0 : 2
} else {
  const { cpu, cores, node, onnxruntime } = machine()
  console.log(`${cpu}, ${cores} cores, Node ${node}, ONNX Runtime ${onnxruntime}; medians of ${rounds}\n`)
  const busy = await isBusy()
  if (busy) console.log('This machine is busy with something else: take these times for a trial.\n')
  const measure = await bench.run()
  const results = await measure({
    rounds,
    peer: values.peer,
    quick: values.quick,
    ...(values.layers && { layers: Number(values.layers) }),
  })
  if (values.quick && values.json === undefined) console.log('\nnot written: a quick run measures nothing')
  else console.log(`\nwritten to ${saveResults(name, { rounds, busy, ...results }, values.json)}`)
}
