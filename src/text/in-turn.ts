/** The results of an asynchronous function, each called when the one before has settled. */
export async function inTurn<Item, Result>(
  items: readonly Item[],
  make: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (const [index, item] of items.entries()) results.push(await make(item, index))
  return results
}
