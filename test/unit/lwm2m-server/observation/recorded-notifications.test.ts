import assert from 'node:assert/strict';
import { RecordedNotifications } from '../../../../lwm2m-server/observation/recorded-notifications.ts';
import type { AvroResponseObserve } from '../../../../schemas/generated/records.ts';

const record = (observationId: string, seq: number | undefined) =>
  ({ observationId, seq: seq === undefined ? null : { long: seq } }) as AvroResponseObserve;

describe('lwm2m-server/observation/recorded-notifications', () => {
  it('knows a repetition by observation and number', () => {
    const recorded = new RecordedNotifications(0);
    recorded.remember(record('aa', 65_537));
    recorded.remember(record('bb', undefined));
    assert.equal(recorded.holds('aa', 65_537, 1), true);
    assert.equal(recorded.holds('aa', 65_538, 1), false);
    assert.equal(recorded.holds('bb', 65_537, 1), false);
  });

  it('forgets all once no device repeats any more', () => {
    const recorded = new RecordedNotifications(1_000);
    recorded.remember(record('aa', 1));
    assert.equal(recorded.holds('aa', 1, 301_000), true);
    assert.equal(recorded.holds('aa', 1, 301_001), false);
    assert.equal(recorded.size, 0);
  });
});
