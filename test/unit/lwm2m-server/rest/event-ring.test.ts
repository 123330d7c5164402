import assert from 'node:assert/strict';
import { EventRing, type NewEvent } from '../../../../lwm2m-server/rest/events/event-ring.ts';

const event = (name: string, bytes = 1): NewEvent => ({
  name,
  bytes,
  endpointName: 'a',
  narrow: false,
  json: () => ({ name }),
});

describe('REST: ring of events', () => {
  it('numbers events and gives them back', () => {
    const ring = new EventRing(4, 1_000);
    for (const name of ['a', 'b', 'c']) ring.push(event(name));
    assert.deepEqual([ring.at(1)?.name, ring.at(3)?.name, ring.at(4), ring.at(0)], ['a', 'c', undefined, undefined]);
    assert.equal(ring.at(2)?.data(), '{"name":"b"}');
  });

  it('keeps the newest when it is full', () => {
    const ring = new EventRing(3, 1_000);
    for (const name of ['a', 'b', 'c', 'd', 'e']) ring.push(event(name));
    assert.deepEqual([ring.oldest, ring.next], [3, 6]);
    assert.deepEqual(
      [2, 3, 4, 5].map((sequence) => ring.at(sequence)?.name),
      [undefined, 'c', 'd', 'e'],
    );
    assert.equal(ring.missedSince(1), 2);
    assert.equal(ring.missedSince(3), 0);
  });

  it('keeps within its bytes, and the newest whatever its size', () => {
    const ring = new EventRing(100, 10);
    for (let i = 0; i < 50; i++) ring.push(event(String(i), 4));
    assert.deepEqual([ring.oldest, ring.next], [49, 51]);
    ring.push(event('huge', 1_000));
    assert.deepEqual([ring.oldest, ring.next], [51, 52]);
    assert.equal(ring.at(51)?.name, 'huge');
    ring.push(event('small', 1));
    assert.deepEqual([ring.oldest, ring.at(52)?.name], [52, 'small']);
  });

  it('does not say how many were missed while nobody noted them', () => {
    const ring = new EventRing(4, 1_000);
    ring.push(event('a'));
    ring.interrupt();
    ring.push(event('b'));
    assert.equal(ring.missedSince(2), null);
    assert.deepEqual([ring.oldest, ring.at(1), ring.at(3)?.name], [3, undefined, 'b']);
  });

  it('makes the JSON of an event once, and only when it is asked for', () => {
    const ring = new EventRing(4, 1_000);
    let made = 0;
    ring.push({ ...event('a'), json: () => ++made });
    assert.equal(made, 0);
    assert.deepEqual([ring.at(1)?.data(), ring.at(1)?.data(), made], ['1', '1', 1]);
  });
});
