import { text, wholeNumber } from './argument-types.ts'
import type { FieldGroup } from './field.ts'

export interface PromptFields {
  /** What the video shows. May be empty where pictures or a clip say it. */
  readonly prompt: string
  /**
   * Text that is added to the prompt after a comma, such as a style that many prompts share: at least one character. The
   * file keeps the prompt with it.
   * @default none
   */
  readonly promptSuffix?: string | undefined
  /**
   * What the video should not show: the prompt of the unconditional branch of guidance. Without effect where
   * `guidance` is 1.
   * @default the model's
   */
  readonly negativePrompt?: string | undefined
  /**
   * Tokens that the prompt is padded or cut to, from 2 to 4096.
   * @default the model's
   */
  readonly maxTextTokens?: number | undefined
}

export interface PromptPlan {
  readonly prompt: string
  readonly negativePrompt: string
  readonly textTokens: number
}

export const promptFields: FieldGroup<PromptFields, PromptPlan> = {
  prompt: {
    about: 'what the video shows',
    schema: z => z.string(),
    resolve: (prompt = '', { fields }) => [prompt, fields.promptSuffix].filter(Boolean).join(', '),
  },
  promptSuffix: {
    about: 'text added to every prompt, such as a style',
    schema: z => z.string().min(1),
    planned: false,
    flag: { name: '--prompt-suffix', argument: '<text>', group: 'video', type: text },
    api: { name: 'promptSuffix', schema: z => z.string().min(1).max(10_000) },
  },
  negativePrompt: {
    about: 'what the video should not show',
    schema: z => z.string(),
    default: ({ defaults }) => defaults.negativePrompt,
    needsGuidance: () => true,
    flag: { name: '--negative', argument: '<text>', group: 'video', type: text },
    api: { name: 'negativePrompt', schema: z => z.string().max(32_000) },
  },
  maxTextTokens: {
    about: 'tokens of the prompt that count',
    schema: z => z.int().min(2).max(4096),
    default: ({ textTokens }) => textTokens,
    planned: 'textTokens',
    flag: { name: '--max-text-tokens', argument: '<n>', group: 'video', type: wholeNumber },
  },
}
