import * as units from '@grafana/grafana-foundation-sdk/units';
import { board, promVariable } from './board.ts';
import { graph, stat } from './panels.ts';
import { highest, now, quantile, rate } from './promql.ts';
import { table } from './tables.ts';

const BROKER = 'instance=~"$broker"';
const all = { where: BROKER };
const broker = { by: ['instance'], where: BROKER };
const topic = { by: ['instance', 'topic'], where: BROKER };

export const kafka = board({
  uid: 'zeelos-kafka',
  title: 'Kafka',
  about: 'The brokers at the edge and in the cloud by their own metrics, and how our services are served by them.',
  variables: [promVariable('broker', 'Broker', 'kafka_broker_partitions', 'instance')],
  rows: {
    Now: [
      stat({
        title: 'Brokers',
        about: 'Brokers whose metrics are read.',
        unit: units.Short,
        series: { brokers: `count (${now('kafka_broker_partitions', broker)})` },
      }),
      stat({
        title: 'Partitions',
        about: 'Partitions of which a broker holds a replica.',
        unit: units.Short,
        series: { partitions: now('kafka_broker_partitions', all) },
      }),
      stat({
        title: 'Offline partitions',
        about: 'Partitions without a leader: nobody can read or write them.',
        unit: units.Short,
        limits: { doubtful: 1, bad: 1.5 },
        series: { partitions: now('kafka_broker_offline_partitions', all) },
      }),
      stat({
        title: 'Under-replicated',
        about: 'Partitions with fewer replicas in step than they should have.',
        unit: units.Short,
        limits: { doubtful: 1, bad: 1.5 },
        series: { partitions: now('kafka_broker_under_replicated_partitions', all) },
      }),
      stat({
        title: 'Records in',
        about: 'Records written by everybody, per second.',
        unit: units.CountsPerSecond,
        series: { records: rate('kafka_topic_records_in_total', all) },
      }),
      stat({
        title: 'On disk',
        about: 'Size of all logs.',
        unit: units.BytesIEC,
        series: { bytes: now('kafka_log_bytes', all) },
      }),
    ],
    Topics: [
      table({
        title: 'Topics',
        about: 'Size and offsets of each topic on each broker.',
        series: {
          bytes: now('kafka_log_bytes', topic),
          'first offset': now('kafka_log_start_offset', topic),
          'next offset': now('kafka_log_end_offset', topic),
          'records in': rate('kafka_topic_records_in_total', topic),
        },
        units: { bytes: units.BytesIEC, 'records in': units.CountsPerSecond },
      }),
      graph({
        title: 'Records in',
        about: 'Records written to each topic.',
        unit: units.CountsPerSecond,
        width: 8,
        series: { '{{instance}} {{topic}}': rate('kafka_topic_records_in_total', topic) },
      }),
      graph({
        title: 'Bytes in',
        about: 'Bytes written to each topic, as they came: compressed.',
        unit: units.BytesPerSecondIEC,
        width: 8,
        series: { '{{instance}} {{topic}}': rate('kafka_topic_bytes_in_total', topic) },
      }),
      graph({
        title: 'Bytes out',
        about: 'Bytes read from each topic by consumers.',
        unit: units.BytesPerSecondIEC,
        width: 8,
        series: { '{{instance}} {{topic}}': rate('kafka_topic_bytes_out_total', topic) },
      }),
    ],
    Brokers: [
      graph({
        title: 'Time of a request, 99 of 100',
        about: 'From a request received to its answer sent. A fetch may wait for records by design.',
        unit: units.Seconds,
        series: {
          '{{instance}} {{request}}': highest('kafka_request_p99_seconds', {
            by: ['instance', 'request'],
            where: BROKER,
          }),
        },
      }),
      graph({
        title: 'Memory of the JVM',
        about: 'Heap in use. A broker that is near its limit all the time collects garbage instead of working.',
        unit: units.BytesIEC,
        series: { '{{instance}}': now('jvm_memory_bytes_used', { by: ['instance'], where: `${BROKER}, area="heap"` }) },
      }),
      graph({
        title: 'Processor',
        about: 'Seconds of processor time per second.',
        unit: units.Short,
        series: { '{{instance}}': rate('process_cpu_seconds_total', broker) },
      }),
      graph({
        title: 'Garbage collection',
        about: 'Share of time that the JVM stood still for it.',
        unit: units.PercentUnit,
        series: { '{{instance}}': rate('jvm_gc_collection_seconds_sum', broker) },
      }),
    ],
    'As our services see it': [
      graph({
        title: 'Commit at the edge, 99 of 100',
        about: 'What the LwM2M servers wait for each batch.',
        unit: units.Seconds,
        width: 8,
        series: { '{{gateway}}': quantile(0.99, 'kafka_commit_seconds', { by: ['gateway'] }) },
      }),
      graph({
        title: 'Commit of the copy, 99 of 100',
        about: 'What the replicators wait for the end of a transaction.',
        unit: units.Seconds,
        width: 8,
        series: {
          '{{gateway}} {{lane}}': quantile(0.99, 'zeelos_replicator_commit_seconds', { by: ['gateway', 'lane'] }),
        },
      }),
      graph({
        title: 'Lag of our readers',
        about: 'Records that wait: for the replicators, the connectors and the streams.',
        unit: units.Short,
        width: 8,
        series: {
          'replicator {{gateway}}': now('zeelos_replicator_lag_records', { by: ['gateway'] }),
          '{{service}} {{connector}}': now('zeelos_connector_lag_records', { by: ['service', 'connector'] }),
          '{{service}} {{gateway}}': now('zeelos_stream_lag_records', { by: ['service', 'gateway'] }),
        },
      }),
    ],
  },
});
