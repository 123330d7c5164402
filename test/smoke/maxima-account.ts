import type { AvroResponseObserve } from '../../schemas/generated/records.ts';

const WINDOW_MS = 30_000;
const SUFFIX = '-max';

/** The greatest number of each resource in each window, told by this file's own reading: `ep path window start` → value. */
export function greatestOf(observations: readonly AvroResponseObserve[]): ReadonlyMap<string, number> {
  const greatest = new Map<string, number>();
  for (const observation of observations) {
    const value = numberOf(observation);
    if (value === undefined) continue;
    const window = windowOf(observation, observation.path);
    greatest.set(window, Math.max(value, greatest.get(window) ?? value));
  }
  return greatest;
}

/** What the results say in the end, under the same names: of several results of one window the last holds. */
export function lastOf(results: readonly AvroResponseObserve[]): ReadonlyMap<string, number> {
  return new Map(
    results.map((result) => [windowOf(result, result.path.slice(0, -SUFFIX.length)), numberOf(result) ?? Number.NaN]),
  );
}

/** Windows of which the results say something else than the observations. */
export function differing(wanted: ReadonlyMap<string, number>, found: ReadonlyMap<string, number>): readonly string[] {
  const windows = new Set([...wanted.keys(), ...found.keys()]);
  return [...windows].filter((window) => wanted.get(window) !== found.get(window));
}

function windowOf({ ep, timestamp }: AvroResponseObserve, path: string): string {
  return `${ep} ${path} ${Math.floor(timestamp / WINDOW_MS) * WINDOW_MS}`;
}

/** Of an observation of one numeric resource. */
function numberOf({ rep }: AvroResponseObserve): number | undefined {
  const read = (rep.body as Readonly<Record<string, unknown>>)['io.zeelos.leshan.avro.response.AvroReadResponseBody'];
  const content = (read as { content?: Readonly<Record<string, unknown>> } | undefined)?.content;
  const resource = content?.['io.zeelos.leshan.avro.resource.AvroResource'] as { value: object } | undefined;
  const value = Object.values(resource?.value ?? {})[0];
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
}
