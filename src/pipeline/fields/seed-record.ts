import type { JsonValue } from '../../media/record.ts'
import { seed } from './argument-types.ts'
import type { Zod } from './field.ts'

const seedLimit = 2n ** 64n
const expected = 'a whole number from 0 to 2^64 - 1'

/** What fields that are seeds have in common. JSON has no 64-bit numbers: there they are decimal text. */
export const seedRecord = {
  schema: (z: Zod) =>
    z
      .union([z.int().nonnegative(), z.bigint().nonnegative()], expected)
      .transform(BigInt)
      .refine(value => value < seedLimit, expected),
  fromJson: (json: JsonValue) =>
    (typeof json === 'string' && /^\d+$/.test(json) ? BigInt(json) : json) as number | bigint,
  type: seed,
}
