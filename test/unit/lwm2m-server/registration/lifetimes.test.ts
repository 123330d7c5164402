import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Lifetimes, type Mortal } from '../../../../lwm2m-server/registration/lifetimes.ts';

const DAY_MS = 86_400_000;

class Named implements Mortal {
  endsAtSecond = 0;
  dueAtSecond = 0;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Lifetimes by name. */
class NamedLifetimes {
  readonly all = new Lifetimes<Named>();
  readonly #named = new Map<string, Named>();

  #of(name: string): Named {
    const known = this.#named.get(name) ?? new Named(name);
    this.#named.set(name, known);
    return known;
  }

  set(name: string, atMs: number): void {
    this.all.set(this.#of(name), atMs);
  }

  delete(name: string): void {
    this.all.delete(this.#of(name));
  }

  takeExpired(nowMs: number): string[] {
    return this.all.takeExpired(nowMs).map(({ name }) => name);
  }
}

describe('lwm2m-server/registration/lifetimes', () => {
  it('takes an id once, not before its time and within a second after', () => {
    const lifetimes = new NamedLifetimes();
    lifetimes.set('a', 10_500);
    assert.deepEqual(lifetimes.takeExpired(10_499), []);
    assert.deepEqual(lifetimes.takeExpired(11_000), ['a']);
    assert.deepEqual(lifetimes.takeExpired(20_000), []);
  });

  it('moves and forgets', () => {
    const lifetimes = new NamedLifetimes();
    lifetimes.set('moved', 5_000);
    lifetimes.set('moved', 9_000);
    lifetimes.set('gone', 5_000);
    lifetimes.delete('gone');
    lifetimes.delete('never');
    assert.deepEqual(lifetimes.takeExpired(8_000), []);
    assert.deepEqual(lifetimes.takeExpired(9_000), ['moved']);
  });

  it('takes what is set into the past at the next look', () => {
    const lifetimes = new NamedLifetimes();
    lifetimes.takeExpired(200_000);
    lifetimes.set('past', 1);
    assert.deepEqual(lifetimes.takeExpired(201_000), ['past']);
  });

  it('jumps forward by years at no cost and takes all that is due', () => {
    const lifetimes = new NamedLifetimes();
    for (let day = 1; day <= 100; day++) lifetimes.set(`${day}`, day * DAY_MS);
    const startedAt = performance.now();
    assert.equal(lifetimes.takeExpired(50 * DAY_MS).length, 50);
    assert.equal(lifetimes.takeExpired(40 * 365 * DAY_MS).length, 50);
    assert.ok(performance.now() - startedAt < 200);
  });

  it('is not confused by a clock that steps back', () => {
    const lifetimes = new NamedLifetimes();
    lifetimes.set('a', 10 * DAY_MS + 5_000);
    assert.deepEqual(lifetimes.takeExpired(3 * DAY_MS), []);
    assert.deepEqual(lifetimes.takeExpired(10 * DAY_MS + 5_000), ['a']);
    lifetimes.set('b', 4 * DAY_MS);
    assert.deepEqual(lifetimes.takeExpired(3 * DAY_MS), []);
    assert.deepEqual(lifetimes.takeExpired(10 * DAY_MS + 6_000), ['b']);
  });

  it('agrees with a list that is searched through', () => {
    const step = fc.oneof(
      fc.record({ set: fc.constantFrom('a', 'b', 'c', 'd'), inMs: fc.integer({ min: 0, max: 30_000 }) }),
      fc.record({ delete: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ pass: fc.integer({ min: 0, max: 40_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let nowMs = 1_000_000;
        const lifetimes = new NamedLifetimes();
        const model = new Map<string, number>();
        for (const one of steps) {
          if ('set' in one) {
            lifetimes.set(one.set, nowMs + one.inMs);
            model.set(one.set, Math.ceil((nowMs + one.inMs) / 1_000));
          } else if ('delete' in one) {
            lifetimes.delete(one.delete);
            model.delete(one.delete);
          } else {
            nowMs += one.pass;
            const due = [...model].filter(([, second]) => second * 1_000 <= nowMs).map(([id]) => id);
            for (const id of due) model.delete(id);
            assert.deepEqual(lifetimes.takeExpired(nowMs).sort(), due.sort());
          }
        }
      }),
    );
  });

  it('holds little more than one entry for each, whoever moves his end to and fro', () => {
    const lifetimes = new NamedLifetimes();
    for (let round = 0; round < 10_000; round++) {
      lifetimes.set('restless', 1e9 - round * 1_000);
      lifetimes.set(`${round % 7}`, 1e9 + (round % 2) * 5_000);
      lifetimes.delete(`${round % 7}`);
    }
    assert.ok(lifetimes.all.entries < 1_100, `${lifetimes.all.entries} entries`);
    assert.deepEqual(lifetimes.takeExpired(2e9), ['restless']);
    assert.equal(lifetimes.all.entries, 0);
  });
});
