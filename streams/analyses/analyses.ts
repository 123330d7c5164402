import type { Registry } from 'prom-client';
import { PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { encoderFor } from '../../common/records.ts';
import type { SchemaSnapshot } from '../../common/schema-registry.ts';
import { TOPICS, type TopicName } from '../../schemas/topics.ts';
import { CountsReport } from '../counts-report.ts';
import type { ObservationReader } from '../observation-reader.ts';
import type { StreamSettings } from '../settings.ts';
import type { StreamTask } from '../stream-task.ts';
import { type Aggregate, WindowedTask } from '../windowed-task.ts';
import { type AlarmRule, readAlarmRules } from './alarm-rules.ts';
import { Alarms } from './alarms.ts';
import { COUNT_WINDOW_MS, counts } from './counts.ts';
import { downsample } from './downsample.ts';
import { MAX_WINDOW_MS, maximum } from './max-per-30-seconds.ts';
import { Singles } from './singles.ts';

export interface AnalysisContext {
  readonly settings: StreamSettings;
  readonly snapshot: SchemaSnapshot;
  readonly reader: ObservationReader;
  readonly log: Log;
  readonly metrics: Registry;
}

export interface Analysis {
  /** The row of the topic table that takes its results. */
  readonly output?: TopicName;
  /** Looks at the settings that are its own, before anything is opened. Errors: CONFIG_INVALID. */
  check?(settings: StreamSettings): void;
  /** Called once by a worker; what it returns makes a task for each partition. */
  prepare(context: AnalysisContext): (partition: number) => StreamTask;
}

const KEY = 'io.zeelos.leshan.avro.AvroKey';
const COUNTS_GRACE_SECONDS = 10;
const GRACE_SECONDS = 3_600;

/** The analyses that exist, by the name that `zeelos stream` takes. */
export const ANALYSES: Readonly<Record<string, Analysis>> = {
  counts: {
    prepare(context) {
      const report = new CountsReport(context.log, context.metrics);
      return (partition) => {
        const aggregate = counts((minute) => report.report(partition, minute));
        return windowed(context.settings, aggregate, COUNT_WINDOW_MS, COUNTS_GRACE_SECONDS);
      };
    },
  },
  maxper30sec: {
    output: 'maxPer30Seconds',
    prepare({ settings, snapshot, reader }) {
      const { keys, topic } = keysOf('maxPer30Seconds', settings.gatewayId, snapshot);
      const values = encoderFor(snapshot, `${topic}-value`, TOPICS.maxPer30Seconds.value);
      const aggregate = maximum({ keys, values, decode: (frame) => reader.decodeFrame(frame) });
      return () => windowed(settings, aggregate, MAX_WINDOW_MS, GRACE_SECONDS);
    },
  },
  downsample: {
    output: 'downsampled',
    check({ windowSeconds, advanceSeconds }) {
      if (advanceSeconds === undefined || advanceSeconds <= windowSeconds) return;
      const fault = '--advance-seconds must not exceed --window-seconds: what lies between two windows would be lost';
      throw new PlatformError('CONFIG_INVALID', fault);
    },
    prepare({ settings, snapshot }) {
      const { gatewayId } = settings;
      const { keys, topic } = keysOf('downsampled', gatewayId, snapshot);
      const values = encoderFor(snapshot, `${topic}-value`, TOPICS.downsampled.value);
      const sizeMs = settings.windowSeconds * 1_000;
      const advanceMs = (settings.advanceSeconds ?? settings.windowSeconds) * 1_000;
      const aggregate = downsample({ gatewayId, keys, values });
      return () => windowed(settings, aggregate, sizeMs, GRACE_SECONDS, advanceMs);
    },
  },
  alarms: {
    output: 'alarms',
    check: (settings) => void rulesOf(settings),
    prepare({ settings, snapshot }) {
      const { gatewayId, entriesLimit } = settings;
      const rules = rulesOf(settings);
      const { keys, topic } = keysOf('alarms', gatewayId, snapshot);
      const values = encoderFor(snapshot, `${topic}-value`, TOPICS.alarms.value);
      return () => new Alarms({ gatewayId, rules, keys, values, entriesLimit });
    },
  },
  singles: {
    output: 'singleObservations',
    check({ input }) {
      if (input === 'singles') throw new PlatformError('CONFIG_INVALID', '--input: singles cannot read what it writes');
    },
    prepare({ settings, snapshot, reader }) {
      const { keys, topic } = keysOf('singleObservations', settings.gatewayId, snapshot);
      const values = encoderFor(snapshot, `${topic}-value`, TOPICS.singleObservations.value);
      return () => new Singles({ keys, values, decode: (observation) => reader.decode(observation) });
    },
  },
};

function rulesOf({ rulesFile }: StreamSettings): readonly AlarmRule[] {
  if (rulesFile === undefined) throw new PlatformError('CONFIG_INVALID', '--rules-file: required by alarms');
  return readAlarmRules(rulesFile);
}

function keysOf(name: TopicName, gatewayId: string, snapshot: SchemaSnapshot) {
  const topic = TOPICS[name].nameFor(gatewayId);
  return { topic, keys: encoderFor(snapshot, `${topic}-key`, KEY) };
}

function windowed<S>(
  settings: StreamSettings,
  aggregate: Aggregate<S>,
  sizeMs: number,
  graceSeconds: number,
  advanceMs = sizeMs,
): StreamTask {
  const graceMs = (settings.graceSeconds ?? graceSeconds) * 1_000;
  const { emit: emission, entriesLimit } = settings;
  return new WindowedTask({ aggregate, shape: { sizeMs, advanceMs, graceMs }, emission, entriesLimit });
}
