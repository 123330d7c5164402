import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { identityOf } from '../../../../common/process-identity.ts';
import {
  encodeClaim,
  isGone,
  newClaim,
  parseClaim,
  type ServerClaim,
} from '../../../../lwm2m-server/fencing/server-claim.ts';

describe('lwm2m-server/fencing/server-claim', () => {
  const own = newClaim(1_700_000_000_000);

  it('reads what it wrote', () => {
    const claim = { ...own, beat: 7, ended: true };
    assert.deepEqual(parseClaim(encodeClaim(claim)), claim);
    assert.equal(claim.startedAt, '2023-11-14T22:13:20.000Z');
  });

  it('reads a claim of a later version, which says more, and of one that says less', () => {
    const { instanceId } = own;
    const more = parseClaim(Buffer.from(JSON.stringify({ ...own, zone: 'b' })));
    assert.deepEqual(more, own);
    const less = parseClaim(Buffer.from(JSON.stringify({ instanceId, beat: 1, ended: false })));
    assert.deepEqual([less?.host, less?.pid, less?.bootId], ['?', 0, null]);
  });

  for (const strange of ['', 'null', '7', '[]', '{}', '{"instanceId":1,"beat":1,"ended":false}', 'x'])
    it(`takes ${JSON.stringify(strange)} for nobody's claim`, () =>
      assert.equal(parseClaim(Buffer.from(strange)), undefined));

  it('takes a tombstone for nobody’s claim', () => assert.equal(parseClaim(null), undefined));

  it('knows that a process of this machine runs, and that it has ended', async () => {
    const child = spawn('sleep', ['60']);
    const claim: ServerClaim = { ...own, pid: child.pid!, startTicks: identityOf(child.pid!)!.startTicks };
    assert.equal(isGone(claim, own), false);
    assert.equal(isGone({ ...claim, startTicks: '1' }, own), true, 'another process with its number');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(isGone(claim, own), true);
  });

  const dead: ServerClaim = { ...own, pid: 2 ** 22, startTicks: '1' };
  const unsure: Record<string, Partial<ServerClaim>> = {
    'another boot or machine': { bootId: 'b' },
    'another container': { pidNamespace: 'pid:[1]' },
    'a machine without /proc': { bootId: null, pidNamespace: null, startTicks: null },
  };
  for (const [name, difference] of Object.entries(unsure))
    it(`is not sure about ${name}`, () => assert.equal(isGone({ ...dead, ...difference }, own), false));

  it('is not sure about anything where its own machine has no /proc', () => {
    const nowhere = { ...own, bootId: null, pidNamespace: null, startTicks: null };
    assert.equal(isGone({ ...dead, bootId: null, pidNamespace: null }, nowhere), false);
  });
});
