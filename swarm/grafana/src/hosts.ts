import * as units from '@grafana/grafana-foundation-sdk/units';
import { board, promVariable } from './board.ts';
import { graph, stat, upTimeline } from './panels.ts';
import { highest, lowest, now, rate, timeIn } from './promql.ts';
import { table } from './tables.ts';

const SERVICE = 'service=~"$service"';
const by = ['service', 'gateway', 'instance'];
const each = { by, where: SERVICE };
const name = '{{service}} {{gateway}} {{instance}}';

const MACHINE = 'job="node", instance=~"$machine"';
const machine = { by: ['instance'], where: MACHINE };
const wire = { by: ['instance'], where: `${MACHINE}, device!="lo"` };
/** Without what is not a disk. */
const DISK = `${MACHINE}, fstype!~"tmpfs|ramfs|squashfs|fuse.*"`;

export const hosts = board({
  uid: 'zeelos-hosts',
  title: 'Hosts and services',
  about: 'Whether each service runs and does its work, what it takes of its machine, and what the machines have left.',
  variables: [
    promVariable('service', 'Service', 'zeelos_ready', 'service'),
    promVariable('machine', 'Machine', 'node_load1', 'instance'),
  ],
  rows: {
    Now: [
      stat({
        title: 'Services',
        about: 'Processes of ours that answer.',
        unit: units.Short,
        width: 6,
        series: { services: `count (${now('zeelos_ready', each)})` },
      }),
      stat({
        title: 'Not ready',
        about: 'Of these, those that do not do their work now: /readyz says why.',
        unit: units.Short,
        width: 6,
        limits: { doubtful: 1, bad: 2 },
        series: { services: `count (${now('zeelos_ready', each)}) - ${now('zeelos_ready', { where: SERVICE })}` },
      }),
      stat({
        title: 'Targets that do not answer',
        about: 'Targets of Prometheus, ours and others, whose metrics cannot be read.',
        unit: units.Short,
        width: 6,
        limits: { doubtful: 1, bad: 2 },
        series: { targets: 'count (up{}) - sum (up{})' },
      }),
      stat({
        title: 'Memory of our services',
        about: 'Resident memory, all together.',
        unit: units.BytesIEC,
        width: 6,
        series: { memory: now('process_resident_memory_bytes', { where: SERVICE }) },
      }),
    ],
    Services: [
      upTimeline({
        title: 'Ready',
        about: 'When each service did its work.',
        unit: units.BoolYesNo,
        series: { [name]: lowest('zeelos_ready', each) },
      }),
      table({
        title: 'Processes',
        about: 'Since when each runs, and what it holds.',
        series: {
          started: `1000 * ${highest('process_start_time_seconds', each)}`,
          memory: now('process_resident_memory_bytes', each),
          heap: now('nodejs_heap_size_used_bytes', each),
          'open files': now('process_open_fds', each),
          'Node.js': highest('nodejs_version_info', { by: [...by, 'version'], where: SERVICE }),
        },
        units: { started: units.DateTimeFromNow, memory: units.BytesIEC, heap: units.BytesIEC },
      }),
      graph({
        title: 'Processor',
        about: 'Seconds of processor time per second; 1 is a whole core.',
        unit: units.Short,
        series: {
          [`${name} own`]: rate('process_cpu_user_seconds_total', each),
          [`${name} kernel`]: rate('process_cpu_system_seconds_total', each),
        },
      }),
      graph({
        title: 'Resident memory',
        about: 'What the process takes of the memory of its machine.',
        unit: units.BytesIEC,
        series: { [name]: now('process_resident_memory_bytes', each) },
      }),
      graph({
        title: 'Heap and buffers',
        about: 'Objects of JavaScript, and memory outside of the heap.',
        unit: units.BytesIEC,
        series: {
          [`${name} heap`]: now('nodejs_heap_size_used_bytes', each),
          [`${name} buffers`]: now('nodejs_external_memory_bytes', each),
        },
      }),
      graph({
        title: 'Lag of the event loop',
        about: 'How late the process gets to its next work. Above a tenth of a second: too much for one core.',
        unit: units.Seconds,
        limits: { doubtful: 0.1, bad: 0.5 },
        series: {
          [`${name} half`]: highest('nodejs_eventloop_lag_p50_seconds', each),
          [`${name} 99 of 100`]: highest('nodejs_eventloop_lag_p99_seconds', each),
        },
      }),
      graph({
        title: 'Garbage collection',
        about: 'Share of time that went into it.',
        unit: units.PercentUnit,
        series: { [`${name} {{kind}}`]: timeIn('nodejs_gc_duration_seconds', { by: [...by, 'kind'], where: SERVICE }) },
      }),
      graph({
        title: 'Reading of the metrics',
        about: 'How long each target takes to give its metrics.',
        unit: units.Seconds,
        series: { '{{job}} {{instance}}': highest('scrape_duration_seconds', { by: ['job', 'instance'] }) },
      }),
    ],
    Machines: [
      graph({
        title: 'Processor',
        about: 'Share of all cores that is not idle.',
        unit: units.PercentUnit,
        limits: { doubtful: 0.8, bad: 0.9 },
        series: {
          '{{instance}}': `1 - avg by (instance) (rate(node_cpu_seconds_total{${MACHINE}, mode="idle"}[$__rate_interval]))`,
        },
      }),
      graph({
        title: 'Memory',
        about: 'Share of the memory that is in use. At the end of it the kernel kills a process.',
        unit: units.PercentUnit,
        limits: { doubtful: 0.8, bad: 0.9 },
        series: {
          '{{instance}}': `1 - ${now('node_memory_MemAvailable_bytes', machine)} / ${now('node_memory_MemTotal_bytes', machine)}`,
        },
      }),
      graph({
        title: 'Disk in use',
        about: 'A full disk ends the Kafka of a gateway. See how long it lasts before it is full.',
        unit: units.PercentUnit,
        limits: { doubtful: 0.7, bad: 0.85 },
        series: {
          '{{instance}} {{mountpoint}}': `1 - ${lowest('node_filesystem_avail_bytes', { by: ['instance', 'mountpoint'], where: DISK })} / ${lowest('node_filesystem_size_bytes', { by: ['instance', 'mountpoint'], where: DISK })}`,
        },
      }),
      graph({
        title: 'Load',
        about: 'Mean of the last minute: processes that run or wait.',
        unit: units.Short,
        series: { '{{instance}}': highest('node_load1', machine) },
      }),
      graph({
        title: 'Network',
        about: 'Bytes in and out, without the loopback.',
        unit: units.BytesPerSecondIEC,
        series: {
          '{{instance}} in': rate('node_network_receive_bytes_total', wire),
          '{{instance}} out': rate('node_network_transmit_bytes_total', wire),
        },
      }),
      graph({
        title: 'Disk in use by writing',
        about: 'Share of time in which the disk had something to do.',
        unit: units.PercentUnit,
        series: {
          '{{instance}} {{device}}': rate('node_disk_io_time_seconds_total', {
            by: ['instance', 'device'],
            where: MACHINE,
          }),
        },
      }),
    ],
  },
});
