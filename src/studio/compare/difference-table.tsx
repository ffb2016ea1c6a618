import { fieldLabel } from '../make/field-label.ts'
import { texts } from '../texts/texts.ts'
import type { Difference } from './differences.ts'

const longestValue = 160

/** What was different, beside what came of it. */
export function DifferenceTable({
  differences,
  count,
}: {
  readonly differences: readonly Difference[]
  readonly count: number
}) {
  const columns = Array.from({ length: count }, (_, index) => index)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table scrolls, by keys too.
    <section class="differences" aria-label={texts.compare.differences} tabIndex={0}>
      <table>
        <caption>{texts.compare.differences}</caption>
        <thead>
          <tr>
            <td />
            {columns.map(index => (
              <th key={index} scope="col">
                {index + 1}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {differences.map(({ name, values }) => (
            <tr key={name}>
              <th scope="row">{fieldLabel(name)}</th>
              {columns.map(index => (
                <td key={index}>{values[index]?.slice(0, longestValue) ?? texts.make.modelDefault}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
