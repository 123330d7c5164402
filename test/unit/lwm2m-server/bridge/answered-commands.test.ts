import assert from 'node:assert/strict';
import { ANSWERED_LIMIT, AnsweredCommands } from '../../../../lwm2m-server/bridge/answered-commands.ts';

describe('lwm2m-server/bridge/answered-commands', () => {
  it('forgets the longest unseen at its limit, and none before', () => {
    const answered = new AnsweredCommands();
    for (let n = 0; n < ANSWERED_LIMIT; n++) answered.add(`${n}`);
    answered.add('0');
    assert.equal(answered.has('1'), true);
    answered.add('new');
    assert.equal(answered.has('1'), false);
    assert.equal(answered.has('0'), true);
    assert.equal(answered.has('new'), true);
  });

  it('has room besides for all that may be answered at once', () => {
    const answered = new AnsweredCommands(5);
    for (let n = 0; n < ANSWERED_LIMIT + 5; n++) answered.add(`${n}`);
    assert.equal(answered.limit, ANSWERED_LIMIT + 5);
    assert.equal(answered.has('0'), true);
    answered.add('new');
    assert.equal(answered.has('0'), false);
  });
});
