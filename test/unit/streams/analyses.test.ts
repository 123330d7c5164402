import assert from 'node:assert/strict';
import { avroType } from '../../../schemas/avro-types.ts';
import { FRAME_BYTES } from '../../../schemas/codec.ts';
import type { AvroAlarm, AvroResponseObserve } from '../../../schemas/generated/records.ts';
import { type AlarmRule, parseAlarmRules } from '../../../streams/analyses/alarm-rules.ts';
import { Alarms } from '../../../streams/analyses/alarms.ts';
import { counts, largest, type MinuteCounts } from '../../../streams/analyses/counts.ts';
import { Singles } from '../../../streams/analyses/singles.ts';
import { WindowedTask } from '../../../streams/windowed-task.ts';
import { Bench, encoder, KEY, knowingReader, number, OBSERVE, observe, resource, single } from './sample.ts';

const S = 1_000;
const T0 = 1_700_000_040_000;
const ALARM = 'io.zeelos.analytics.AvroAlarm';

function alarms(rules: readonly object[], entriesLimit = 100): Alarms {
  const parsed: readonly AlarmRule[] = parseAlarmRules({ rules }, 'test');
  return new Alarms({ gatewayId: 'gw', rules: parsed, keys: encoder(KEY), values: encoder(ALARM), entriesLimit });
}

/** `<rule> <state> <ep> <path> <value> at <seconds>` */
function raised(bench: Bench): string[] {
  bench.flush();
  return bench.outputs.splice(0).map(({ value }) => {
    const alarm = avroType(ALARM).decode(value, FRAME_BYTES).value as AvroAlarm;
    const { rule, state, ep, timestamp } = alarm;
    const path = (alarm.path as { string: string } | null)?.string ?? '–';
    const measured = (alarm.value as { double: number } | null)?.double ?? '–';
    return `${rule} ${state} ${ep} ${path} ${measured} at ${(timestamp - T0) / S}`;
  });
}

describe('streams/analyses', () => {
  const reader = knowingReader();

  describe('counts', () => {
    it('tells of each closed minute: records by endpoint, and by endpoint and path', async () => {
      const minutes: MinuteCounts[] = [];
      const shape = { sizeMs: 60 * S, advanceMs: 60 * S, graceMs: 0 };
      const aggregate = counts((minute) => minutes.push(minute));
      const bench = new Bench(
        new WindowedTask({ aggregate, shape, emission: 'updates', entriesLimit: 100 }),
        await reader,
      );
      bench.give(number('a', 1, T0));
      bench.give(number('a', 1, T0 + 1, '/3303/1/5700'));
      bench.give(number('a', 2, T0 + 2));
      bench.give(observe('b', '/3/0/0', T0 + 3, single('/3/0/0', { string: 'maker' })));
      bench.give(number('b', 2, T0 + 60 * S));
      bench.flush();
      assert.deepEqual(minutes, [
        {
          startMs: T0,
          records: 4,
          endpoints: new Map([
            ['a', 3],
            ['b', 1],
          ]),
          paths: new Map([
            ['a./3303/0/5700', 2],
            ['a./3303/1/5700', 1],
            ['b./3/0/0', 1],
          ]),
        },
      ]);
      assert.equal(bench.outputs.length, 0);
    });

    it('orders the largest by count and then by name, and bounds them', () => {
      const of = new Map([
        ['c', 1],
        ['a', 5],
        ['b', 5],
        ['d', 9],
      ]);
      assert.deepEqual(largest(of, 3), [
        ['d', 9],
        ['a', 5],
        ['b', 5],
      ]);
    });
  });

  describe('singles', () => {
    const values = (bench: Bench) =>
      bench.outputs.map(({ value }) => avroType(OBSERVE).decode(value, FRAME_BYTES).value as AvroResponseObserve);
    const singlesOver = async () => {
      const known = await reader;
      const task = new Singles({ keys: encoder(KEY), values: encoder(OBSERVE), decode: (view) => known.decode(view) });
      return { task, bench: new Bench(task, known) };
    };
    const numberIn = ({ rep }: AvroResponseObserve) => /"value":\{"double":([^}]*)\}/.exec(JSON.stringify(rep))?.[1];

    it('takes an instance apart, its resources with instances too, each under its own path', async () => {
      const { bench } = await singlesOver();
      const several = {
        ...{ id: 7, path: '/3/0/7', kind: 'MULTIPLE_RESOURCE', type: 'FLOAT' },
        resources: { '0': resource(0, '/3/0/7/0', { double: 1 }), '1': resource(1, '/3/0/7/1', { double: 2 }) },
      };
      const instance = {
        ...{ id: 0, kind: 'INSTANCE', resources: [resource(9, '/3/0/9', { double: 3 })] },
        multipleResources: { array: [several] },
      };
      bench.give(observe('a', '/3/0', T0, { 'io.zeelos.leshan.avro.resource.AvroInstanceResource': instance }));
      bench.flush();
      assert.deepEqual(
        values(bench).map((one) => [one.path, numberIn(one), one.timestamp]),
        [
          ['/3/0/9', '3', T0],
          ['/3/0/7/0', '1', T0],
          ['/3/0/7/1', '2', T0],
        ],
      );
    });

    it('takes a composite apart, each value at its own time, and lets a single value through as it is', async () => {
      const { bench } = await singlesOver();
      const node = (path: string, timestamp: number | null, double: number) => ({
        ...{ path, content: single(path, { double }) },
        timestamp: timestamp === null ? null : { long: timestamp },
      });
      const nodes = [node('/3303/0/5700', T0 - 5 * S, 1), node('/3303/1/5700', null, 2)];
      const composite = {
        ...observe('a', '/', T0, single('/1/2/3', { double: 0 })),
        rep: {
          ...{ code: 'CONTENT', kind: 'observe' },
          body: { 'io.zeelos.leshan.avro.response.AvroCompositeResponse': { nodes } },
        },
      } as unknown as AvroResponseObserve;
      bench.give(composite);
      bench.give(number('a', 9, T0));
      bench.flush();
      assert.deepEqual(
        values(bench).map((one) => [one.path, numberIn(one), one.timestamp]),
        [
          ['/3303/0/5700', '1', T0 - 5 * S],
          ['/3303/1/5700', '2', T0],
          ['/3303/0/5700', '9', T0],
        ],
      );
    });

    it('counts an answer without a value', async () => {
      const { bench, task } = await singlesOver();
      bench.give({
        ...number('a', 1, T0),
        rep: { code: 'NOT_FOUND', kind: 'observe', body: null },
      } as AvroResponseObserve);
      bench.flush();
      assert.deepEqual([task.skips.no_value, bench.outputs.length], [1, 0]);
    });
  });

  describe('alarms', () => {
    it('raises above the limit and clears at or below the lower one, once each', async () => {
      const rule = { name: 'hot', kind: 'threshold', path: '/3303/*/5700', above: 80, clearsAt: 75 };
      const bench = new Bench(alarms([rule]), await reader);
      for (const [i, value] of [80, 81, 90, 78, 76, 75, 79, 80.5].entries()) bench.give(number('a', value, T0 + i * S));
      bench.give(number('a', 99, T0 + 20 * S, '/3304/0/5700'));
      assert.deepEqual(raised(bench), [
        'hot RAISED a /3303/0/5700 81 at 1',
        'hot CLEARED a /3303/0/5700 75 at 5',
        'hot RAISED a /3303/0/5700 80.5 at 7',
      ]);
    });

    it('knows limits from below, and endpoints by a pattern', async () => {
      const rule = { name: 'empty', kind: 'threshold', endpoint: 'pump-*', path: '/3/0/9', below: 20 };
      const bench = new Bench(alarms([rule]), await reader);
      for (const ep of ['pump-1', 'fan-1']) {
        bench.give(number(ep, 19, T0, '/3/0/9'));
        bench.give(number(ep, 20, T0 + S, '/3/0/9'));
      }
      assert.deepEqual(raised(bench), ['empty RAISED pump-1 /3/0/9 19 at 0', 'empty CLEARED pump-1 /3/0/9 20 at 1']);
    });

    it('measures change by the time of the values and passes over older ones', async () => {
      const task = alarms([{ name: 'jump', kind: 'rate', path: '/3303/0/5700', perSecond: 2, clearsAt: 1 }]);
      const bench = new Bench(task, await reader);
      for (const [at, value] of [
        [0, 10],
        [2, 14],
        [3, 17],
        [1, 99],
        [4, 18.5],
        [14, 18],
      ] as const)
        bench.give(number('a', value, T0 + at * S), T0 + 20 * S);
      assert.deepEqual(raised(bench), ['jump RAISED a /3303/0/5700 3 at 3', 'jump CLEARED a /3303/0/5700 0.05 at 14']);
      assert.equal(task.skips.out_of_order, 1);
    });

    it('finds a silence by the records of others, by its own next record, and by the clock', async () => {
      const bench = new Bench(alarms([{ name: 'mute', kind: 'silence', seconds: 60 }]), await reader);
      bench.give(number('a', 1, T0));
      bench.give(number('b', 1, T0 + 59 * S));
      assert.deepEqual(raised(bench), []);
      bench.give(number('b', 1, T0 + 61 * S));
      assert.deepEqual(raised(bench), ['mute RAISED a – – at 60']);
      bench.give(number('a', 1, T0 + 70 * S));
      assert.deepEqual(raised(bench), ['mute CLEARED a – – at 70']);
      bench.give(number('b', 1, T0 + 200 * S));
      assert.deepEqual(raised(bench), [
        'mute RAISED a – – at 130',
        'mute RAISED b – – at 121',
        'mute CLEARED b – – at 200',
      ]);
    });

    it('takes the clock of the machine once nothing is left to read', async () => {
      const task = alarms([{ name: 'mute', kind: 'silence', path: '/3303/0/5700', seconds: 60 }]);
      const bench = new Bench(task, await reader);
      // A value of yesterday that was sent now is a sign of life of now.
      bench.give(number('a', 1, T0 - 86_400 * S), T0);
      task.tick(T0 + 59 * S);
      assert.deepEqual(raised(bench), []);
      task.tick(T0 + 60 * S);
      task.tick(T0 + 70 * S);
      assert.deepEqual(raised(bench), ['mute RAISED a /3303/0/5700 – at 60']);
    });

    it('knows after a restart which alarms stand and what the last value was', async () => {
      const rules = [
        { name: 'hot', kind: 'threshold', path: '/3303/0/5700', above: 80 },
        { name: 'jump', kind: 'rate', path: '/3303/0/5700', perSecond: 5 },
        { name: 'mute', kind: 'silence', seconds: 60 },
      ];
      const before = new Bench(alarms(rules), await reader);
      before.give(number('a', 90, T0));
      assert.deepEqual(raised(before), ['hot RAISED a /3303/0/5700 90 at 0']);
      const task = alarms(rules);
      before.restoreInto(task);
      const after = new Bench(task, await reader);
      after.give(number('a', 96, T0 + S));
      after.give(number('a', 80, T0 + 4 * S));
      assert.deepEqual(raised(after), ['jump RAISED a /3303/0/5700 6 at 1', 'hot CLEARED a /3303/0/5700 80 at 4']);
      // The last sign of life may be newer than the one that was kept: it is looked for a little later.
      task.tick(T0 + 63 * S);
      assert.deepEqual(raised(after), []);
      task.tick(T0 + 71 * S);
      assert.equal(raised(after).length, 1);
    });

    it('forgets what no rule looks at when room is needed, and refuses what there is no room for', async () => {
      const task = alarms([{ name: 'hot', kind: 'threshold', path: '/3303/0/5700', above: 80 }], 2);
      const bench = new Bench(task, await reader);
      bench.give(number('a', 1, T0, '/3/0/9'));
      bench.give(number('b', 1, T0));
      bench.give(number('c', 90, T0));
      bench.give(number('d', 90, T0));
      assert.deepEqual(raised(bench), ['hot RAISED c /3303/0/5700 90 at 0']);
      assert.deepEqual([task.entries, task.skips.state_full], [2, 1]);
    });

    it('does not take a value from the future for the newest', async () => {
      const task = alarms([{ name: 'hot', kind: 'threshold', path: '/3303/0/5700', above: 80 }]);
      const bench = new Bench(task, await reader);
      bench.give(number('a', 1, T0 + 400 * 86_400 * S), T0);
      bench.give(number('a', 90, T0));
      assert.deepEqual(raised(bench), ['hot RAISED a /3303/0/5700 90 at 0']);
      assert.deepEqual([task.skips.from_future, task.skips.out_of_order], [1, 0]);
    });

    it('looks for room once a minute at most where there is none to be had', async () => {
      const task = alarms([{ name: 'hot', kind: 'threshold', path: '/3303/0/5700', above: 80 }], 100);
      const bench = new Bench(task, await reader);
      bench.give(number('nobody', 1, T0, '/1/2/3'));
      for (let i = 0; i < 99; i++) bench.give(number(`d${i}`, 90, T0));
      // Of the hundred one is forgotten: less than a tenth. The next that nobody looks at stays until a minute is over.
      bench.give(number('e', 90, T0));
      bench.give(number('f', 90, T0));
      assert.deepEqual([task.entries, task.skips.state_full], [100, 1]);
      const week = 7 * 86_400 * S;
      bench.give(number('g', 90, T0 + week + S));
      assert.deepEqual([task.entries, task.skips.state_full], [1, 1]);
    });

    it('says where a rules file is wrong', () => {
      const faults: [unknown, RegExp][] = [
        [{}, /rules/],
        [{ rules: [] }, /rules/],
        [
          { rules: [{ name: 'x', kind: 'threshold', path: '/1', above: 1, below: 2 }] },
          /rules\.0: expected either above or below/,
        ],
        [
          { rules: [{ name: 'x', kind: 'threshold', path: '/1', above: 1, clearsAt: 2 }] },
          /clearsAt must not lie above/,
        ],
        [{ rules: [{ name: 'x y', kind: 'silence', seconds: 5 }] }, /rules\.0\.name/],
        [{ rules: [{ name: 'x', kind: 'silence', seconds: 0 }] }, /rules\.0\.seconds/],
        [{ rules: [{ name: 'x', kind: 'silence', second: 5, seconds: 5 }] }, /second/],
        [{ rules: [{ name: 'x', kind: 'rate', path: '3303', perSecond: 1 }] }, /rules\.0\.path: expected a path/],
        [{ rules: [1, 2].map(() => ({ name: 'x', kind: 'silence', seconds: 5 })) }, /same name/],
      ];
      for (const [json, says] of faults) {
        assert.throws(
          () => parseAlarmRules(json, 'rules.json'),
          (error: { code: string; message: string }) => error.code === 'CONFIG_INVALID' && says.test(error.message),
          JSON.stringify(json),
        );
      }
    });
  });
});
