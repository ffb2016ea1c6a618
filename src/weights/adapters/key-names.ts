/**
 * How tools name an adapter's tensors, as tables. A key is `<prefixes><module><part>`, for example
 * `transformer.blocks.0.attn1.to_q.lora_A.default.weight`.
 */

/** What a tensor is of its module. */
export type Part = 'down' | 'up' | 'up-bias' | 'alpha' | 'diff' | 'diff-bias' | 'diff-modulation'

/** PEFT may put the adapter's name before `.weight` (`.default`), and some tools leave `.weight` out. */
const named = String.raw`(?:\.(?!weight$|bias$)[^.]+)?(?:\.weight)?$`

const parts: readonly (readonly [RegExp, Part])[] = [
  [/\.lora_B(?:\.[^.]+)?\.bias$/, 'up-bias'],
  [RegExp(String.raw`(?:\.lora_A|\.lora_down|[._]lora\.down|\.lora_linear_layer\.down)${named}`), 'down'],
  [RegExp(String.raw`(?:\.lora_B|\.lora_up|[._]lora\.up|\.lora_linear_layer\.up)${named}`), 'up'],
  [/\.alpha$/, 'alpha'],
  [/\.diff$|\.w_norm$/, 'diff'],
  [/\.diff_b$|\.b_norm$/, 'diff-bias'],
  [/\.diff_m$/, 'diff-modulation'],
]

/** Kinds of adapters that are not run, by what only their keys have. */
const otherKinds: readonly (readonly [RegExp, string])[] = [
  [/\.dora_scale$|\.lora_magnitude_vector\b/, 'DoRA'],
  [/\.lokr_(?:w|t)\d/, 'LoKr'],
  [/\.hada_(?:w|t)\d/, 'LoHa'],
  [/\.lora_mid\b/, 'LoCon in Tucker form'],
  [/\.(?:a1|a2|b1|b2)\.weight$/, 'GLoRA'],
  [/\.(?:oft|boft)_/, 'OFT'],
  [/\.(?:on_input|ia3_l)\b/, 'IA3'],
  [/\.(?:vera|lora)_(?:lambda|embedding)_/, 'an embedding or VeRA'],
  [/\.modules_to_save\./, 'whole modules that PEFT trained (modules_to_save)'],
  [/\.(?:set_weight|reshape_weight)$/, 'weights that are replaced'],
]

/** Names of what holds the network in some tool: any number of them begin a key. */
const wrappers = [
  'base_model',
  'diffusion_model',
  'dit',
  'model',
  'module',
  'net',
  'pipe',
  'pipeline',
  'unet',
  '_checkpoint_wrapped_module',
  '_fsdp_wrapped_module',
  '_orig_mod',
]

/** Prefixes of names whose dots are, mostly, written as underscores. */
const flatPrefixes = ['lora_unet', 'lora_transformer', 'lora_dit', 'lycoris']

const component = /^(transformer(?:_\d+)?)\.(?=.)/
const flat = RegExp(`^(?:${flatPrefixes.join('|')})[._]+(?=.)`)
const wrapper = RegExp(String.raw`^(?:${wrappers.join('|')})\.(?=.)`)
const flatWrapper = RegExp(`^(?:${wrappers.join('|')})[._]+(?=.)`)
const flatComponent = /^lora_(transformer_\d+)[._]+(?=.)/
const textEncoder = /^lora_te(?:xt_encoder)?\d*_|(?:^|\.)text_encoders?(?:_\d+)?\./

/** A tensor of an adapter by its key. */
export interface AdapterKey {
  /** The key without its part: equal for all tensors of a module. */
  readonly stored: string
  readonly part: Part
}

export function parseAdapterKey(key: string): AdapterKey | undefined {
  const found = parts.find(([ending]) => ending.test(key))
  if (found === undefined || textEncoder.test(key)) return undefined
  const [ending, part] = found
  return { stored: key.replace(ending, ''), part }
}

/** The name of an adapter's kind that is not run, by one of its keys. */
export function otherKind(key: string): string | undefined {
  return otherKinds.find(([ending]) => ending.test(key))?.[1]
}

export function isOfTextEncoder(key: string): boolean {
  return textEncoder.test(key)
}

export interface ModuleName {
  /** Without prefixes. */
  readonly name: string
  /** The part of the checkpoint that a prefix names (`transformer_2`), where one does. */
  readonly component: string | undefined
  /** The name with fewer and fewer prefixes, from the one that is stored to `name`. */
  readonly forms: readonly string[]
}

/** Takes the prefixes off a module's name. */
export function moduleName(stored: string): ModuleName {
  const forms = [stored]
  let meant: string | undefined
  let underscored = false
  for (;;) {
    const name = forms.at(-1)!
    const part = component.exec(name) ?? flatComponent.exec(name)
    const prefix = part ?? flat.exec(name) ?? (underscored ? flatWrapper : wrapper).exec(name)
    if (prefix === null) return { name, component: meant, forms }
    meant = part?.[1] ?? meant
    underscored ||= flat.test(name) || flatComponent.test(name)
    forms.push(name.slice(prefix[0].length))
  }
}
