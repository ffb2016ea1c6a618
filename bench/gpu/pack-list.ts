/** What of the installed packages goes into the kit. */

/** An entry of package-lock.json, as far as that is asked about. */
export interface LockEntry {
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly link?: boolean
}

/** Of media files and databases, loaded by what no stage does; some bring binaries of 100 MB. */
const unneeded =
  /^node_modules\/(@electric-sql|@seydx|node-av|@mediabunny|@img|sharp|@rollup|@types|pg|pg-\w+|@napi-rs\/nice-(?!linux-x64-gnu)[\w-]+)(\/|$)/

/** Folders of production's packages without those that no stage needs. */
export function productionPackages(packages: Readonly<Record<string, LockEntry>>): string[] {
  return Object.entries(packages).flatMap(([name, { dev, devOptional, link }]) => {
    return name === '' || dev || devOptional || link || unneeded.test(name) ? [] : name
  })
}

/** Bytes in parts of a size. */
export function partsOf(bytes: Buffer, size: number): Buffer[] {
  const count = Math.max(1, Math.ceil(bytes.length / size))
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
}
