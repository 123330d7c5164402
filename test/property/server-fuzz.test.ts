import assert from 'node:assert/strict';
import { fuzz } from '../fuzz/fuzz.ts';

/** The seed is fixed so that a failing build fails again; `npm run fuzz` takes another each time. */
const SEED = 20_261_121;
const COUNT = 200_000;

describe('the server and mutated datagrams', () => {
  it(`stays up, fails nowhere inside, keeps its memory and amplifies nothing over ${COUNT} of them`, async function () {
    this.timeout(120_000);
    const result = await fuzz({ count: COUNT, seed: SEED, seconds: 100 });
    assert.equal(result.datagrams, COUNT);
    assert.ok(result.registrations > 500, `${result.registrations} registrations`);
    assert.ok(result.notifications > 5_000, `${result.notifications} notifications recorded`);
    assert.ok(result.answered > 5_000, `${result.answered} replies to strangers`);
  });
});
