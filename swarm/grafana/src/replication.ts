import * as units from '@grafana/grafana-foundation-sdk/units';
import { board, gatewayVariable, OF_GATEWAY, toBoard } from './board.ts';
import { graph, stat } from './panels.ts';
import { growth, highest, lowest, now, orZero, quantile, rate, total } from './promql.ts';
import { table } from './tables.ts';

const LAG = 'zeelos_replicator_lag_records';
const WAITING = 'zeelos_replicator_target_waiting_seconds';
const all = { where: OF_GATEWAY };
const lane = { by: ['gateway', 'lane'], where: OF_GATEWAY };
const topic = { by: ['gateway', 'topic'], where: OF_GATEWAY };

/** What is left of the retention of the source before it deletes what was not copied: 1 nothing waits, 0 it is being deleted. */
const headroom = (by: readonly string[]) => {
  const left = lowest('zeelos_replicator_headroom_seconds', { by, where: OF_GATEWAY });
  return `${left} / (${left} + ${highest('zeelos_replicator_lag_seconds', { by, where: OF_GATEWAY })})`;
};

export const replication = board({
  uid: 'zeelos-replication',
  title: 'Gateway and replication',
  about:
    'Whether what a gateway recorded reaches the cloud, and commands the gateway: how far behind, how long that may last, what is missing.',
  variables: [gatewayVariable(LAG)],
  rows: {
    Now: [
      stat({
        title: 'Behind',
        about: 'Age of the newest record that was copied while others wait. Grows while the WAN or the cloud is away.',
        unit: units.Seconds,
        limits: { doubtful: 60, bad: 600 },
        series: { behind: highest('zeelos_replicator_lag_seconds', all) },
      }),
      stat({
        title: 'Records that wait',
        about: 'Offsets at the source that are not copied yet, all topics together.',
        unit: units.Short,
        series: { records: now(LAG, all) },
      }),
      stat({
        title: 'Room left',
        about:
          'Share of the retention of the tightest topic that is left before records are deleted that were not copied.',
        unit: units.PercentUnit,
        limits: { doubtful: 0.5, bad: 0.2 },
        series: { 'room left': `min (${headroom(['gateway', 'topic'])})` },
      }),
      stat({
        title: 'Stopped partitions',
        about: 'Partitions that wait because something must be mended first: the log of the replicator says what.',
        unit: units.Short,
        limits: { doubtful: 1, bad: 1.5 },
        series: { partitions: orZero(now('zeelos_replicator_stopped_partitions', all), WAITING, all) },
      }),
      stat({
        title: 'Records missing in the copy',
        about: 'Since the replicators started. Each gap is an event in iot.<gateway>.replication.events.',
        unit: units.Short,
        limits: { doubtful: 1, bad: 1.5 },
        series: { records: orZero(total('zeelos_replicator_gap_records_total', all), LAG, all) },
      }),
      stat({
        title: 'Without a committed copy',
        about: 'How long the lane that waits longest has been without a commit though it has work.',
        unit: units.Seconds,
        limits: { doubtful: 30, bad: 300 },
        series: { waiting: highest(WAITING, all) },
      }),
    ],
    Lag: [
      table({
        title: 'Topics',
        about:
          'What waits, how old it is, how long the source keeps it, and how old a record is when its copy is committed.',
        series: {
          records: highest(LAG, topic),
          bytes: highest('zeelos_replicator_lag_bytes', topic),
          behind: highest('zeelos_replicator_lag_seconds', topic),
          'deleted in': lowest('zeelos_replicator_headroom_seconds', topic),
          'end to end': highest('zeelos_replicator_end_to_end_seconds', topic),
        },
        units: {
          bytes: units.BytesIEC,
          behind: units.Seconds,
          'deleted in': units.Seconds,
          'end to end': units.Seconds,
        },
        links: {
          gateway: toBoard('zeelos-lwm2m-server', 'LwM2M server of this gateway', { gateway: 'gateway' }),
        },
      }),
      graph({
        title: 'Lag in records',
        about: 'Offsets at the source that are not copied yet.',
        unit: units.Short,
        width: 8,
        series: { '{{topic}}': highest(LAG, topic) },
      }),
      graph({
        title: 'Lag in bytes',
        about: 'About so many bytes wait, by the mean size of what was copied: what the WAN has to carry.',
        unit: units.BytesIEC,
        width: 8,
        series: { '{{topic}}': highest('zeelos_replicator_lag_bytes', topic) },
      }),
      graph({
        title: 'Lag in seconds',
        about: 'Age of the newest record that was copied while others wait; 0 when none waits.',
        unit: units.Seconds,
        limits: { doubtful: 60, bad: 600 },
        width: 8,
        series: { '{{topic}}': highest('zeelos_replicator_lag_seconds', topic) },
      }),
      graph({
        title: 'Room left',
        about:
          'Share of the retention that is left before the source deletes what was not copied. Below a fifth: give the topic more, or mend the WAN.',
        unit: units.PercentUnit,
        limits: { doubtful: 0.5, bad: 0.2 },
        series: { '{{topic}}': headroom(['gateway', 'topic']) },
      }),
      graph({
        title: 'End to end',
        about: 'Age of the newest record when it was committed at the target. The clocks of edge and cloud are in it.',
        unit: units.Seconds,
        series: { '{{topic}}': highest('zeelos_replicator_end_to_end_seconds', topic) },
      }),
    ],
    Copying: [
      graph({
        title: 'Records',
        about: 'Records committed at the target, per second.',
        unit: units.CountsPerSecond,
        series: { '{{topic}}': rate('zeelos_replicator_records_total', topic) },
      }),
      graph({
        title: 'Bytes',
        about:
          'Read at the source and written to the target. Less is written than read where small batches are drawn together and compressed.',
        unit: units.BytesPerSecondIEC,
        series: {
          '{{lane}} read': rate('zeelos_replicator_bytes_in_total', lane),
          '{{lane}} written': rate('zeelos_replicator_bytes_out_total', lane),
        },
      }),
      graph({
        title: 'Batches by mode',
        about:
          'raw: bytes as they are; coalesce: small ones drawn together; translate: schema ids replaced; record: taken apart and made anew.',
        unit: units.CountsPerSecond,
        series: {
          '{{lane}} {{mode}}': rate('zeelos_replicator_batches_total', { by: ['lane', 'mode'], where: OF_GATEWAY }),
        },
      }),
      graph({
        title: 'Commit time',
        about: 'From the last write of a commit to its end: mostly the way to the cloud and back.',
        unit: units.Seconds,
        series: {
          '{{gateway}} {{lane}} half': quantile(0.5, 'zeelos_replicator_commit_seconds', lane),
          '{{gateway}} {{lane}} 99 of 100': quantile(0.99, 'zeelos_replicator_commit_seconds', lane),
        },
      }),
    ],
    Troubles: [
      graph({
        title: 'Gaps and other events',
        about:
          'Events written to the topic of replication events: retention passed unread records, a topic was made anew, a log was cut.',
        unit: units.Short,
        width: 8,
        series: {
          '{{gateway}} {{lane}} {{kind}}': orZero(
            total('zeelos_replicator_gaps_total', { by: ['gateway', 'lane', 'kind'], where: OF_GATEWAY }),
            WAITING,
            lane,
          ),
        },
      }),
      graph({
        title: 'Attempts that failed',
        about: 'A lane began anew at its committed positions. Nothing is lost by it, and nothing doubled.',
        unit: units.Short,
        width: 8,
        series: { '{{gateway}} {{lane}}': orZero(growth('zeelos_replicator_failures_total', lane), WAITING, lane) },
      }),
      graph({
        title: 'Without a committed copy',
        about:
          'How long a lane has been without a commit though it has work: the WAN, the cloud, or a stopped partition.',
        unit: units.Seconds,
        width: 8,
        series: { '{{gateway}} {{lane}}': highest(WAITING, lane) },
      }),
    ],
  },
});
