import { kitTasks, type StageOptions } from './kit-tasks.ts'
import type { Stage, Task } from './tasks.ts'

const large = 'wan-t2v-14b'
const small = 'wan-t2v-1.3b'
const largeLayers = 40

/** The measurements, from the most valuable on. */
export function gpuStages(options: StageOptions): readonly Stage[] {
  const { layers } = options
  const onGpu = options.device !== 'cpu'
  const pair = layers === undefined ? ([2, 6] as const) : ([layers, layers + 1] as const)
  const cut = layers === undefined ? [] : ['--layers', String(layers)]
  const { bench, peer, own, doctor, limits } = kitTasks(options)
  const plain = [...cut, '--no-profile']
  const decode = (chunk: number, variables?: Task['variables']): Task => {
    const name = ['decode', chunk, ...Object.values(variables ?? {})].join(' ')
    return {
      ...bench(name, 'vae', small, [...plain, '--chunk', String(chunk)]),
      ...(variables && { variables }),
    }
  }
  const peers = onGpu ? Object.entries(peerWords) : Object.entries(peerWords).slice(0, 1)
  return [
    { number: 0, title: 'the machine', budgetSeconds: 10, tasks: [own('machine'), doctor()] },
    {
      number: 1,
      title: 'results are right',
      budgetSeconds: 35,
      tasks: ['kernels', 'attention', 'transformer', 'decoder'].map(what => own('correct', what)),
    },
    {
      number: 2,
      title: `a layer of ${large}, and its profile`,
      budgetSeconds: 40,
      tasks: [
        bench('few layers', 'step', large, ['--layers', String(pair[0]), '--no-profile']),
        bench('more layers', 'step', large, ['--layers', String(pair[1])]),
      ],
      derive: results => perLayer(results, ['few layers', 'more layers'], pair, 'step'),
    },
    { number: 3, title: 'limits by PyTorch', budgetSeconds: 15, tasks: [limits()] },
    {
      number: 4,
      title: `${small} whole, and its decoder`,
      budgetSeconds: 60,
      tasks: [
        bench('small step', 'step', small, plain),
        decode(4),
        decode(1),
        ...(onGpu ? convolutionOptions.map(text => decode(4, { FRAMEWRIGHT_CUDA_OPTIONS: text })) : []),
      ],
    },
    {
      number: 5,
      title: `${large} whole`,
      budgetSeconds: 65,
      tasks: [bench('large step', 'step', large, [...plain, '--repeat', '2'])],
    },
    {
      number: 6,
      title: `diffusers on ${large}`,
      budgetSeconds: 90,
      tasks: peers.flatMap(([name, words]) =>
        pair.map(count => peer(`${name} ${count}`, `${large}-${count}`, words)),
      ),
      derive: results => {
        const found = peers.map(([name]) =>
          perLayer(results, [`${name} ${pair[0]}`, `${name} ${pair[1]}`], pair, 'forward', `${name} `),
        )
        return Object.assign({}, ...found) as Record<string, number>
      },
    },
    {
      number: 7,
      title: 'prompt, load, profile of the decoder',
      budgetSeconds: 60,
      tasks: [
        // The text encoder of a trial is the built-in model's: that of the other takes 11 GB.
        onGpu ? bench('prompt', 'text', small, plain) : bench('prompt', 'text', undefined, ['--no-profile']),
        bench('load', 'load', large, [...cut, '--repeat', '2']),
        bench('decoder profile', 'vae', small, [...cut, '--repeat', '1']),
      ],
    },
  ]
}

/** Options of the CUDA provider that may make convolutions faster. */
const convolutionOptions = ['fuse_conv_bias=1', 'prefer_nhwc=1']

const peerWords: Readonly<Record<string, readonly string[]>> = {
  eager: [],
  cudnn: ['--attention', 'cudnn'],
  compiled: ['--attention', 'cudnn', '--compile'],
}

/** Seconds of a layer from two reports, and of a whole network of its layers. */
export function perLayer(
  results: ReadonlyMap<string, unknown>,
  [few, more]: readonly [string, string],
  [fewer, larger]: readonly [number, number],
  measurement: string,
  prefix = '',
): Readonly<Record<string, number>> {
  const seconds = (name: string) => {
    const report = results.get(name) as { measurements?: Record<string, { p50: number }> } | undefined
    return report?.measurements?.[measurement]?.p50
  }
  const [first, second] = [seconds(few), seconds(more)]
  if (first === undefined || second === undefined) return {}
  const layer = (second - first) / (larger - fewer)
  return {
    [`${prefix}layer, s`]: layer,
    [`${prefix}${measurement} of ${largeLayers} layers, s`]: first + (largeLayers - fewer) * layer,
  }
}
