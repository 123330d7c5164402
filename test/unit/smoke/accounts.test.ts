/** The smoke run can only be believed if its own bookkeeping sees a loss, a double, a swap. */
import assert from 'node:assert/strict';
import type { AvroResponse } from '../../../schemas/generated/records.ts';
import { expectedPoints } from '../../smoke/expected-points.ts';
import { FleetAccount, highestOf } from '../../smoke/fleet-account.ts';
import { storedOnce } from '../../smoke/influx-account.ts';
import { Findings } from '../../smoke/report.ts';
import { compareCopy, type TopicRecord } from '../../smoke/topic-account.ts';
import { AVRO_SAMPLES } from '../../vectors/avro-records.ts';

function record(key: string, value: string): TopicRecord {
  return { key: Buffer.from(key), value: Buffer.from(value), timestampMs: 0 };
}

describe('smoke accounts', () => {
  describe('copy of a topic', () => {
    const source = [record('a', '1'), record('b', '1'), record('a', '2'), record('b', '2')];

    it('holds when each key has its records in order, whatever the partitions', () => {
      const copy = [record('b', '1'), record('b', '2'), record('a', '1'), record('a', '2')];
      assert.deepEqual(compareCopy(source, copy), { repeats: 0, faults: [] });
    });

    it('counts what came twice apart', () => {
      assert.deepEqual(compareCopy(source, [...source, ...source.slice(2)]), { repeats: 2, faults: [] });
    });

    for (const [what, copy] of [
      ['a missing record', source.slice(0, 3)],
      ['another order', [source[2]!, source[1]!, source[0]!, source[3]!]],
      ['a changed value', [...source.slice(0, 3), record('b', '3')]],
      ['a record too many', [...source, record('b', '3')]],
      ['a key of its own', [...source, record('c', '1')]],
    ] as const) {
      it(`sees ${what}`, () => assert.equal(compareCopy(source, copy).faults.length, 1));
    }

    it('sees a record that stands twice in the source', () => {
      assert.equal(compareCopy([...source, source[0]!], source).faults.length, 1);
    });
  });

  describe('points of a record', () => {
    const pointsOf = (name: string): unknown[] =>
      expectedPoints(AVRO_SAMPLES['io.zeelos.leshan.avro.response.AvroResponse'][name] as AvroResponse).map((line) =>
        JSON.parse(line).slice(2),
      );
    const at = 1_544_700_000_123;

    it('are one per resource', () => {
      assert.deepEqual(pointsOf('content FLOAT'), [['/3303/0/5700', at, 'value', '-273.15']]);
      assert.deepEqual(pointsOf('content BOOLEAN'), [['/3303/0/5851', at, 'bvalue', 'true']]);
      assert.deepEqual(pointsOf('content multiple resource'), [
        ['/3/0/7/0', at, 'value', '3800'],
        ['/3/0/7/65534', at, 'value', '0'],
      ]);
      assert.equal(pointsOf('content object').length, 9);
    });

    it('are the text of the other bodies', () => {
      assert.deepEqual(pointsOf('code FORBIDDEN'), [['/3303/0', at, 'svalue', 'FORBIDDEN']]);
      assert.deepEqual(pointsOf('create'), [['/3303/0', at, 'svalue', '/3303/2']]);
    });
  });

  describe('numbers of the devices', () => {
    it('are stored only when they are there exactly once', () => {
      const numbers = [1, 2, 3].map((value) => ({ ep: 'a', value }));
      const stored = new Map([['a', new Map([[1, 1], [2, 2]])]]); // biome-ignore format: pairs
      assert.equal(storedOnce(numbers, stored), 1);
      assert.deepEqual(highestOf(numbers), new Map([['a', 3]]));
    });

    it('count from a mark on', () => {
      const account = new FleetAccount();
      account.onEvent({ event: 'acknowledged', ep: 'a', value: 1 });
      const mark = account.mark;
      account.onEvent({ event: 'acknowledged', ep: 'a', value: 2 });
      account.onEvent({ event: 'gaveUp', ep: 'a', value: 3 });
      assert.deepEqual(account.since(mark), [{ ep: 'a', value: 2 }]);
      assert.equal(account.count('gaveUp'), 1);
    });
  });

  describe('report', () => {
    it('is never ok for a run that was cut short', () => {
      assert.equal(new Findings().finish().ok, false);
    });

    it('is ok only without a fault', () => {
      const good = new Findings();
      good.complete();
      assert.equal(good.finish().ok, true);
      assert.equal('faults' in good.report, false);
    });
  });
});
