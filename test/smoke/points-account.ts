import type { PointLine } from './expected-points.ts';
import type { PointsOf } from './influx-account.ts';
import type { Run } from './run.ts';
import { held, until } from './waiting.ts';

const CATCH_UP_TIMEOUT_MS = 60_000;
const LISTED = 5;

/** InfluxDB holds exactly the points that the records stand for. Resolves with their number there. */
export async function checkPoints(
  { site, findings, signal }: Run,
  of: PointsOf,
  expected: readonly PointLine[],
): Promise<number> {
  const enough = async () => held((await site.influx.countPoints(of)) >= expected.length);
  const what = `${expected.length} points of ${of} in InfluxDB`;
  const o = { what, timeoutMs: CATCH_UP_TIMEOUT_MS, signal, pauseMs: 1_000 };
  await until(enough, o).catch((error) => findings.fault(String(error)));
  const found = await site.influx.countPoints(of);
  const left = new Map<PointLine, number>();
  for (const line of expected) left.set(line, (left.get(line) ?? 0) + 1);
  for (const line of await site.influx.points(of)) left.set(line, (left.get(line) ?? 0) - 1);
  const differing = [...left].filter(([, count]) => count !== 0);
  for (const [line, count] of differing.slice(0, LISTED))
    findings.fault(`a point ${count > 0 ? 'is missing' : 'is too many'} in InfluxDB: ${line}`);
  findings.expect(differing.length <= LISTED, `${differing.length} points differ in InfluxDB`);
  findings.expect(
    found === expected.length,
    `${found} points of ${of} in InfluxDB, the records stand for ${expected.length}`,
  );
  return found;
}
