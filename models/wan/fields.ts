/** The fields of a request that only Wan has a use for. */
import { decimalList } from '../../src/pipeline/fields/argument-types.ts'
import { alone, type ControlFields, type ControlPlan } from '../../src/pipeline/fields/control.ts'
import { type FieldGroup, havingMode } from '../../src/pipeline/fields/field.ts'

export interface WanFields {
  /**
   * Strength of the control: one number, or one for each of the model's control layers.
   * @default 1
   */
  readonly controlScale?: number | readonly number[] | undefined
}

export interface WanPlan {
  readonly controlScale: readonly number[]
}

declare module '../../src/pipeline/fields/request-fields.ts' {
  interface FamilyFields extends WanFields {}
  interface FamilyPlan extends WanPlan {}
}

export const wanFields: FieldGroup<WanFields, WanPlan & ControlPlan> = {
  controlScale: {
    about: 'strength of the control, or one for each layer: 1,0.5',
    schema: z => z.union([z.number(), z.array(z.number()).min(1)], 'a number, or a list of numbers'),
    default: [1],
    appliesTo: havingMode('control', 'references'),
    resolve: (value = 1) => [value].flat(),
    check(fields: WanFields & ControlFields) {
      if (!isControlled(fields)) throw alone('controlScale', 'a control video, a mask or references')
    },
    stored: ({ references, ...plan }) => {
      const given = references.length > 0 ? references : undefined
      return isControlled({ ...plan, references: given }) ? plan.controlScale : undefined
    },
    flag: { name: '--control-scale', argument: '<s>', group: 'pictures', type: decimalList },
    api: { name: 'controlScale' },
  },
}

/** A video is a control where no strength makes it a start. */
function isControlled({ video, strength, mask, references }: ControlFields): boolean {
  const control = strength === undefined ? video : undefined
  return [control, mask, references].some(field => field !== undefined)
}
