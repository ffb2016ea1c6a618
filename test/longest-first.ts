import path from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest, in this order. */
const longest = [/^test\/parity\/seeded\b/, /^test\/parity\//, /^test\/unit\/engine\//, /^test\/contract\//]

/**
 * Begins with the files that take longest, so that no worker is left with one of them at the end. Vitest orders by the times
 * of the runs before; in a fresh clone there are none, and it would go by the size of files.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const { root } = this.ctx.config
    const pathOf = ({ moduleId }: TestSpecification) => path.relative(root, moduleId)
    const isTimed = files.some(file => {
      return this.ctx.cache.getFileTestResults(`${file.project.name}:${pathOf(file)}`) !== undefined
    })
    if (isTimed) return sorted
    const rank = (file: TestSpecification) => {
      const found = longest.findIndex(pattern => pattern.test(pathOf(file)))
      return found === -1 ? longest.length : found
    }
    return sorted.toSorted((a, b) => rank(a) - rank(b))
  }
}
