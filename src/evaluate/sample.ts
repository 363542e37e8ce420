import { createSeededRandom } from '../util/random.ts';

/** `limit` of the items, chosen by the seed, in their order; all where there are no more, or no limit. */
export function sample<Item>(items: readonly Item[], limit: number | undefined, seed: number): readonly Item[] {
  if (limit === undefined || limit >= items.length) return items;
  const random = createSeededRandom(seed);
  const places = items.map((_, index) => index);
  // Fisher–Yates, as far as it is needed.
  for (let place = 0; place < limit; place += 1) {
    const other = place + Math.floor(random.float() * (places.length - place));
    [places[place], places[other]] = [places[other] ?? 0, places[place] ?? 0];
  }
  return places
    .slice(0, limit)
    .sort((a, b) => a - b)
    .flatMap((place) => items.slice(place, place + 1));
}
