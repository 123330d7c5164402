import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../common/errors.ts';
import { ProcessGroup } from '../process-group.ts';
import { calm, residentMb } from '../processes.ts';
import type { BenchBroker } from './broker.ts';
import { type Copy, commandOf } from './peers.ts';
import type { Arrival, Reading } from './probe.ts';
import type { Measurement } from './results.ts';
import type { Surroundings } from './run.ts';
import type { PeerName } from './settings.ts';
import { PARTITIONS, type SourceTopic } from './sources.ts';
import { UsageSampler } from './usage.ts';
import { WanProxy } from './wan-proxy.ts';

export interface CopyRun {
  readonly peer: PeerName;
  readonly repeat: number;
  readonly source: SourceTopic;
}

/** One peer copies one topic to an empty target; rate, processor time, memory and what arrived. */
export async function measureCopy(run: CopyRun, surroundings: Surroundings): Promise<Measurement> {
  const { peer, source, repeat } = run;
  const target = await surroundings.startTarget();
  try {
    await surroundings.probe.createTopics(target.address, [source.topic], { partitions: PARTITIONS });
    await forgetEarlierRuns(source, surroundings);
    const { busyBefore } = await calm();
    const startedAtMs = Date.now();
    const group = startPeer(run, copyOf(source, surroundings, target.address), surroundings);
    const brokers = { source: surroundings.source.pid, target: target.pid };
    const usage = new UsageSampler([group.pid, brokers.source, brokers.target]);
    let arrival: Arrival;
    let peakMb: number;
    try {
      arrival = await untilCopied(run, group, target, surroundings);
      peakMb = residentMb(group.pid, 'VmHWM');
    } finally {
      usage.stop();
      await group.stop();
    }
    const reading = await readBack(source, target, surroundings);
    const { records } = reading;
    const phase = source.isSmall ? 'small' : 'raw';
    const common = { peer, phase, case: `${source.records} records`, repeat, records, busyBefore } as const;
    if (records === 0) return { ...common, ...faultsOf(reading) };
    const { firstMs, lastMs } = arrival;
    const copySeconds = Math.max(1, lastMs - firstMs) / 1_000;
    const used = (pid: number) => usage.secondsBetween(pid, firstMs, lastMs);
    return {
      ...common,
      perSecond: Math.round(records / copySeconds),
      copySeconds,
      startSeconds: Number(((firstMs - startedAtMs) / 1_000).toFixed(2)),
      cpuSecondsPerMillion: Number(((used(group.pid) / records) * 1e6).toFixed(2)),
      cpuSeconds: usage.secondsBetween(group.pid, startedAtMs, lastMs),
      sourceCpuSeconds: used(brokers.source),
      targetCpuSeconds: used(brokers.target),
      peakMb,
      ...faultsOf(reading),
    };
  } finally {
    await target.discard();
  }
}

/** One peer copies one topic through a proxy that counts bytes; nothing is timed. */
export async function measureWan(run: CopyRun, surroundings: Surroundings): Promise<Measurement> {
  const { peer, source, repeat } = run;
  const { ports, probe } = surroundings;
  const target = await surroundings.startTarget();
  const proxy = await WanProxy.open({ port: ports.wanAdvertised, targetPort: ports.wan });
  try {
    await probe.createTopics(target.address, [source.topic], { partitions: PARTITIONS });
    await forgetEarlierRuns(source, surroundings);
    const group = startPeer(run, copyOf(source, surroundings, `127.0.0.1:${ports.wanAdvertised}`), surroundings);
    try {
      await untilCopied(run, group, target, surroundings);
    } finally {
      await group.stop();
    }
    const reading = await readBack(source, target, surroundings);
    const { records } = reading;
    const perRecord = (bytes: number) => Number((bytes / Math.max(1, records)).toFixed(1));
    return {
      ...{ peer, phase: source.isSmall ? 'wan-small' : 'wan-raw', case: `${source.records} records`, repeat },
      wanBytesPerRecord: perRecord(proxy.sentBytes),
      wanBackBytesPerRecord: perRecord(proxy.receivedBytes),
      records,
      ...faultsOf(reading),
    };
  } finally {
    await proxy.close();
    await target.discard();
  }
}

function copyOf(source: SourceTopic, { source: { address: from } }: Surroundings, to: string): Copy {
  return { ...source, from, to };
}

/** Our replicator and the mirror on franz-go may keep something at the source, which would tell the next one to go on from there. */
export async function forgetEarlierRuns(source: SourceTopic, { probe, source: broker }: Surroundings): Promise<void> {
  const topicPrefix = `iot.${source.gatewayId}.`;
  await probe.forget(broker.address, { topicPrefix, keep: source.topic, groupPrefix: 'zeelos-replicator.' });
  await probe.forget(broker.address, { topicPrefix: 'mm2-', keep: '', groupPrefix: 'franz-mirror' });
}

export function startPeer(run: CopyRun, copy: Copy, surroundings: Surroundings): ProcessGroup {
  const [program, ...args] = commandOf(run.peer, copy, surroundings);
  return new ProcessGroup(program!, args, { log: logOf(run, surroundings) });
}

function logOf({ peer, repeat, source }: CopyRun, { folder }: Surroundings): string {
  return join(folder, `${peer}-${source.gatewayId}-${repeat}.log`);
}

/** Errors: STACK_START_FAILED when the peer ends before. What is missing in the end is counted, not an error. */
export async function untilCopied(
  run: CopyRun,
  group: ProcessGroup,
  target: BenchBroker,
  surroundings: Surroundings,
): Promise<Arrival> {
  const { topic, records } = run.source;
  const ended = group.ended.then((code) => {
    const log = logOf(run, surroundings);
    const said = existsSync(log) ? readFileSync(log, 'utf8').slice(-2_000) : '';
    throw new PlatformError('STACK_START_FAILED', `${run.peer} ended with ${code ?? 'a signal'}\n${said}`);
  });
  ended.catch(() => undefined);
  return await Promise.race([surroundings.probe.wait(target.address, topic, records, group.ended), ended]);
}

export async function readBack(
  { topic, reference, sequence }: SourceTopic,
  target: BenchBroker,
  { probe }: Surroundings,
): Promise<Reading> {
  return await probe.read(target.address, topic, { reference, sequence });
}

export function faultsOf({ lost, doubled, reordered, missing, repeated }: Reading) {
  return { lost: Math.max(lost, missing), doubled: Math.max(doubled, repeated), reordered };
}
