import { referenceModel } from '../bench/reference-model.ts'

/** What vitest does before a run: the weights of the committed model are not in the repository, and its tokenizer is compressed there. */
export async function setup(): Promise<void> {
  await referenceModel()
}
