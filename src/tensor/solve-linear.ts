const { fround } = Math

/** Solves a small system of linear equations by elimination with partial pivoting, in float32. */
export function solveLinear(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!])
  for (let column = 0; column < rows.length; column++) {
    const candidates = rows.slice(column).map(row => Math.abs(row[column]!))
    const pivot = column + candidates.indexOf(Math.max(...candidates))
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    for (const row of rows.slice(column + 1)) subtractScaled(row, rows[column]!, column)
  }
  return backSubstituted(rows)
}

function subtractScaled(row: number[], pivotRow: readonly number[], column: number): void {
  const factor = fround(row[column]! / pivotRow[column]!)
  for (let k = column; k < row.length; k++) row[k] = fround(row[k]! - fround(factor * pivotRow[k]!))
}

function backSubstituted(rows: readonly (readonly number[])[]): number[] {
  const solution: number[] = new Array(rows.length).fill(0)
  for (let i = rows.length - 1; i >= 0; i--) {
    let rest = rows[i]!.at(-1)!
    for (let k = i + 1; k < rows.length; k++) rest = fround(rest - fround(rows[i]![k]! * solution[k]!))
    solution[i] = fround(rest / rows[i]![i]!)
  }
  return solution
}
