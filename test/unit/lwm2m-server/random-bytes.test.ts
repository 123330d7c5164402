import assert from 'node:assert/strict';
import { RandomBytes } from '../../../lwm2m-server/random-bytes.ts';

describe('lwm2m-server/random-bytes', () => {
  it('gives each once, of the length asked for, and keeps none', () => {
    const [one, other] = [new RandomBytes(8), new RandomBytes(8)];
    const given = Array.from({ length: 5_000 }, (_, n) => (n % 2 === 0 ? one : other).next());
    assert.equal(new Set(given.map((bytes) => bytes.toString('hex'))).size, 5_000);
    for (const bytes of given) assert.equal(bytes.length, 8);
    assert.equal(
      given.some((bytes) => bytes.every((byte) => byte === 0)),
      false,
    );
  });
});
