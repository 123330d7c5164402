import { join } from 'node:path';
import { percentile } from '../percentile.ts';
import { calm } from '../processes.ts';
import { type CopyRun, faultsOf, forgetEarlierRuns, readBack, startPeer, untilCopied } from './copy.ts';
import type { Lane, LaneResult } from './probe.ts';
import { CATCH_UP, IDLE } from './report.ts';
import type { Measurement } from './results.ts';
import type { Surroundings } from './run.ts';
import { PARTITIONS } from './sources.ts';

const IDLE_COMMANDS = 300;
const IDLE_MEAN_MS = 40;
const CATCH_UP_MEAN_MS = 15;
/** More than can be sent while a backlog is copied: the end of that stops the commands. */
const ENDLESS = 1_000_000;
const REST_MS = 2_000;

/** What each lane's measurements are called, idle and during the catch-up. */
const NAMES: Readonly<Record<string, readonly [idle: string, catchUp: string]>> = {
  down: [IDLE, CATCH_UP],
  up: ['idle, replies up', 'catch-up, replies up'],
  direct: ['idle, without the replicator', 'catch-up, without the replicator'],
};

/**
 * Commands down, replies up, and beside them records that the replicator has nothing to do with, first while a backlog is copied, then with nothing
 * else to do. The time is that from just before producing until a read-committed consumer on the other side has the record.
 */
export async function measureCommands(run: CopyRun, surroundings: Surroundings): Promise<Measurement[]> {
  const { source } = run;
  const target = await surroundings.startTarget();
  const [edge, cloud] = [surroundings.source.address, target.address];
  try {
    await forgetEarlierRuns(source, surroundings);
    const lanes = await makeLanes(source.gatewayId, { edge, cloud }, surroundings);
    await surroundings.probe.createTopics(cloud, [source.topic], { partitions: PARTITIONS });
    const { busyBefore } = await calm();
    const out = join(surroundings.folder, 'latencies.json');
    const during = surroundings.probe.latency(lanes, { count: ENDLESS, meanMs: CATCH_UP_MEAN_MS, out });
    const group = startPeer(run, { ...source, from: edge, to: cloud }, surroundings);
    try {
      const { firstMs, lastMs } = await untilCopied(run, group, target, surroundings);
      during.stop();
      const caughtUp = await during.result;
      const reading = await readBack(source, target, surroundings);
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      const idle = await surroundings.probe.latency(lanes, { count: IDLE_COMMANDS, meanMs: IDLE_MEAN_MS, out }).result;
      const rows = lanes.flatMap(({ name }) => [
        figures(run, NAMES[name]![1], within(caughtUp[name]!, firstMs, lastMs)),
        figures(run, NAMES[name]![0], idle[name]!),
      ]);
      const { records } = reading;
      const perSecond = Math.round((records / Math.max(1, lastMs - firstMs)) * 1_000);
      const backlog = { peer: run.peer, phase: 'commands', case: 'the backlog meanwhile', repeat: run.repeat } as const;
      return [...rows, { ...backlog, perSecond, records, ...faultsOf(reading), busyBefore }];
    } finally {
      during.stop();
      await group.stop();
    }
  } finally {
    await target.discard();
  }
}

async function makeLanes(
  gatewayId: string,
  { edge, cloud }: { edge: string; cloud: string },
  { probe }: Surroundings,
): Promise<Lane[]> {
  const topic = (name: string) => `iot.${gatewayId}.${name}`;
  const down = { name: 'down', from: cloud, to: edge, topic: topic('management.req') };
  const up = { name: 'up', from: edge, to: cloud, topic: topic('management.rep') };
  const direct = { name: 'direct', from: edge, to: edge, topic: topic('direct') };
  await probe.createTopics(edge, [down.topic, up.topic, direct.topic], { partitions: 1 });
  await probe.createTopics(cloud, [down.topic, up.topic], { partitions: 1 });
  return [down, up, direct];
}

/** Those sent while the backlog was being copied, from when the lane was open: before, the replicator was starting. */
export function within({ samples, lost, openAtMs }: LaneResult, firstMs: number, lastMs: number): LaneResult {
  const fromMs = Math.max(firstMs, openAtMs);
  return { samples: samples.filter(({ sentAtMs }) => sentAtMs >= fromMs && sentAtMs <= lastMs), lost, openAtMs };
}

function figures({ peer, repeat }: CopyRun, name: string, { samples, lost }: LaneResult): Measurement {
  const times = samples.map(({ ms }) => ms);
  const common = { peer, phase: 'commands', case: name, repeat, count: times.length, lost } as const;
  if (times.length === 0) return { ...common, error: `${name}: no record in that time` };
  return {
    ...common,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    mostMs: percentile(times, 1),
  };
}
