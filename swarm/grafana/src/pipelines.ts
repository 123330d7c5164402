import * as units from '@grafana/grafana-foundation-sdk/units';
import { board, gatewayVariable, OF_GATEWAY, promVariable } from './board.ts';
import { graph, stat } from './panels.ts';
import { growth, highest, lowest, mean, now, orZero, quantile, rate, total } from './promql.ts';
import { table } from './tables.ts';

const IN = 'zeelos_connector_records_in_total';
const STREAM_IN = 'zeelos_stream_records_in_total';
/** Those that run as a service of their own have no name, and are shown with All. */
const ANY = 'connector=~"$connector"';
const all = { where: ANY };
const connector = { by: ['service', 'connector'], where: ANY };
const topic = { by: ['service', 'connector', 'topic'], where: ANY };
/** Of the tasks of workers. */
const tasks = (state: string) => ({ by: ['service', 'connector'], where: `${ANY}, state="${state}"` });
const streams = { where: OF_GATEWAY };
const stream = { by: ['service', 'gateway'], where: OF_GATEWAY };

export const pipelines = board({
  uid: 'zeelos-pipelines',
  title: 'Pipelines',
  about:
    'Connectors between Kafka and the stores, and the analyses: what they take, what comes of it, what is set aside.',
  variables: [gatewayVariable(STREAM_IN), promVariable('connector', 'Connector', IN, 'connector')],
  rows: {
    Now: [
      stat({
        title: 'Records taken',
        about: 'Records that connectors took from Kafka, per second.',
        unit: units.CountsPerSecond,
        series: { records: rate(IN, all) },
      }),
      stat({
        title: 'Waiting for stores',
        about: 'Records in Kafka after the last one stored. It grows while a store is away and shrinks by itself.',
        unit: units.Short,
        series: { records: now('zeelos_connector_lag_records', all) },
      }),
      stat({
        title: 'Dead letters',
        about: 'Records set aside in <topic>.dlq since the connectors started, with the reason in their headers.',
        unit: units.Short,
        limits: { doubtful: 1, bad: 100 },
        series: { records: orZero(total('zeelos_connector_records_dead_lettered_total', all), IN, all) },
      }),
      stat({
        title: 'Unaccounted',
        about: 'Taken less stored, skipped and dead-lettered. Always 0: every record has its outcome.',
        unit: units.Short,
        limits: { doubtful: 1, bad: 1.5 },
        series: {
          records: `${total(IN, all)} - ${total('zeelos_connector_records_written_total', all)} - (${orZero(total('zeelos_connector_records_skipped_total', all), IN, all)}) - (${orZero(total('zeelos_connector_records_dead_lettered_total', all), IN, all)})`,
        },
      }),
      stat({
        title: 'Tasks failed',
        about:
          'Tasks of workers that ended; GET /connectors/<name>/status says why. They stand until they are restarted.',
        unit: units.Short,
        limits: { doubtful: 1, bad: 1.5 },
        series: { tasks: now('zeelos_connect_tasks', { where: `${ANY}, state="FAILED"` }) },
      }),
      stat({
        title: 'Waiting for analyses',
        about: 'Committed records that the analyses have not read yet.',
        unit: units.Short,
        series: { records: now('zeelos_stream_lag_records', streams) },
      }),
      stat({
        title: 'Partitions analysed',
        about: 'Partitions that some worker reads now, all analyses together.',
        unit: units.Short,
        series: { partitions: now('zeelos_stream_tasks_running', streams) },
      }),
    ],
    Connectors: [
      table({
        title: 'Tasks',
        about:
          'Tasks by state; waiting: for a store, a topic or a secret. One that is stuck has a batch in hand that grows old; one that has nothing to do only commits nothing.',
        series: {
          running: now('zeelos_connect_tasks', tasks('RUNNING')),
          waiting: now('zeelos_connect_tasks', tasks('WAITING')),
          paused: now('zeelos_connect_tasks', tasks('PAUSED')),
          failed: now('zeelos_connect_tasks', tasks('FAILED')),
          unassigned: now('zeelos_connect_tasks', tasks('UNASSIGNED')),
          'since the last commit': lowest('zeelos_connector_commit_age_seconds', connector),
          'batch in hand': highest('zeelos_connector_batch_age_seconds', connector),
          rebalances: total('zeelos_connector_rebalances_total', connector),
        },
        units: { 'since the last commit': units.Seconds, 'batch in hand': units.Seconds },
      }),
      graph({
        title: 'Oldest batch in hand',
        about: 'How long a batch has been neither stored nor set aside. It grows while a store is away or hangs.',
        unit: units.Seconds,
        series: { '{{service}} {{connector}}': highest('zeelos_connector_batch_age_seconds', connector) },
      }),
      graph({
        title: 'Rebalances',
        about:
          'Times that tasks got their partitions. Steady growth: tasks come and go, or do not keep up with their group.',
        unit: units.Short,
        series: { '{{service}} {{connector}}': total('zeelos_connector_rebalances_total', connector) },
      }),
      table({
        title: 'Account',
        about: 'Taken = stored + skipped + dead-lettered, for each topic since the connector started.',
        series: {
          taken: total(IN, topic),
          stored: total('zeelos_connector_records_written_total', topic),
          skipped: orZero(total('zeelos_connector_records_skipped_total', topic), IN, topic),
          'dead letters': orZero(total('zeelos_connector_records_dead_lettered_total', topic), IN, topic),
          waiting: now('zeelos_connector_lag_records', topic),
        },
      }),
      graph({
        title: 'Records',
        about: 'Taken from Kafka and stored.',
        unit: units.CountsPerSecond,
        series: {
          '{{service}} {{connector}} taken': rate(IN, connector),
          '{{service}} {{connector}} stored': rate('zeelos_connector_records_written_total', connector),
        },
      }),
      graph({
        title: 'Lag',
        about: 'Records in Kafka after the last one stored.',
        unit: units.Short,
        series: {
          '{{service}} {{connector}} {{topic}}': now('zeelos_connector_lag_records', topic),
        },
      }),
      graph({
        title: 'Skipped and set aside',
        about:
          'Skipped: nothing of the record belongs into the store. Dead letters: it cannot be read or stored; replay it once mended.',
        unit: units.Short,
        series: {
          '{{service}} {{connector}} skipped {{reason}}': orZero(
            growth('zeelos_connector_records_skipped_total', { by: ['service', 'connector', 'reason'], where: ANY }),
            IN,
            connector,
          ),
          '{{service}} {{connector}} dead letters {{code}}': orZero(
            total('zeelos_connector_records_dead_lettered_total', { by: ['service', 'connector', 'code'], where: ANY }),
            IN,
            connector,
          ),
        },
      }),
      graph({
        title: 'Attempts that failed',
        about: 'The store was away or refused for a while; the batch waits and comes again.',
        unit: units.Short,
        series: {
          '{{service}} {{connector}} {{code}}': orZero(
            growth('zeelos_connector_retries_total', { by: ['service', 'connector', 'code'], where: ANY }),
            IN,
            connector,
          ),
        },
      }),
      graph({
        title: 'One write to the store',
        about: 'Duration of successful writes; the tasks of a connector together.',
        unit: units.Seconds,
        series: {
          '{{service}} {{connector}} mean': mean('zeelos_connector_write_seconds', connector),
          '{{service}} {{connector}} 99 of 100': quantile(0.99, 'zeelos_connector_write_seconds', connector),
        },
      }),
      graph({
        title: 'What was made in the store',
        about: 'Points, vertices and edges written, and what was left out, by kind.',
        unit: units.CountsPerSecond,
        series: {
          '{{service}} {{connector}} {{kind}}': rate('zeelos_connector_store_events_total', {
            by: ['service', 'connector', 'kind'],
            where: ANY,
          }),
        },
      }),
      graph({
        title: 'Sources',
        about: 'Records that sources wrote to Kafka, and the age of the end of their last round.',
        unit: units.Short,
        series: {
          '{{connector}} records per second': rate('zeelos_connector_source_records_total', {
            by: ['connector'],
            where: ANY,
          }),
          '{{connector}} behind, s': highest('zeelos_connector_source_behind_seconds', {
            by: ['connector'],
            where: ANY,
          }),
        },
      }),
    ],
    Streams: [
      graph({
        title: 'Records in',
        about: 'Observations read by each analysis.',
        unit: units.CountsPerSecond,
        series: { '{{service}} {{gateway}}': rate(STREAM_IN, stream) },
      }),
      graph({
        title: 'Results',
        about: 'Results written and committed; with --emit updates one at each change.',
        unit: units.CountsPerSecond,
        series: {
          '{{service}} {{gateway}} results': rate('zeelos_stream_records_out_total', stream),
          '{{service}} {{gateway}} commits': rate('zeelos_stream_commits_total', stream),
        },
      }),
      graph({
        title: 'Lag',
        about: 'Committed records that are not read yet.',
        unit: units.Short,
        series: { '{{service}} {{gateway}}': now('zeelos_stream_lag_records', stream) },
      }),
      graph({
        title: 'State',
        about: 'Keys that are held, and records written to the changelog per second.',
        unit: units.Short,
        series: {
          '{{service}} {{gateway}} keys': now('zeelos_stream_state_entries', stream),
          '{{service}} {{gateway}} changelog': rate('zeelos_stream_changelog_records_total', stream),
        },
      }),
      graph({
        title: 'Skipped and unreadable',
        about:
          'Records that leave no trace in a result, by reason: no number, too late, from the future; and those that cannot be read.',
        unit: units.Short,
        series: {
          '{{service}} {{reason}}': orZero(
            growth('zeelos_stream_records_skipped_total', { by: ['service', 'reason'], where: OF_GATEWAY }),
            STREAM_IN,
            { by: ['service'], where: OF_GATEWAY },
          ),
          '{{service}} unreadable {{code}}': orZero(
            total('zeelos_stream_records_unreadable_total', { by: ['service', 'code'], where: OF_GATEWAY }),
            STREAM_IN,
            { by: ['service'], where: OF_GATEWAY },
          ),
        },
      }),
      graph({
        title: 'Last restoring',
        about: 'What reading the state back took at the last start or rebalance.',
        unit: units.Seconds,
        series: { '{{service}} {{gateway}}': highest('zeelos_stream_restore_seconds', stream) },
      }),
      graph({
        title: 'Records of the last minute by path',
        about: 'As the analysis counts tells: the twenty largest endpoints and paths, the others together.',
        unit: units.Short,
        width: 24,
        series: {
          '{{gateway}} {{path}}': highest('zeelos_stream_minute_records_by_path', {
            by: ['gateway', 'path'],
            where: OF_GATEWAY,
          }),
        },
      }),
    ],
  },
});
