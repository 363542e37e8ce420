/** Neighbours of equal index together. */
export async function* groupByIndex<Item extends { readonly index: number }>(items: AsyncIterable<Item>): AsyncIterable<readonly Item[]> {
  let group: Item[] = [];
  for await (const item of items) {
    if (group.length > 0 && group[0]?.index !== item.index) {
      yield group;
      group = [];
    }
    group.push(item);
  }
  if (group.length > 0) yield group;
}
