import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import type { TimedNode } from '../../../../lwm2m/content/timed-content.ts';
import { parsePath } from '../../../../lwm2m/path.ts';
import type { ServerEvent } from '../../../../lwm2m-server/events.ts';
import { SENT, sequenceOf } from '../../../../lwm2m-server/operation/value-records.ts';
import type { AvroResponseObserve } from '../../../../schemas/generated/records.ts';
import { plainRecord, recordingValues } from './recording.ts';

const OWNER = { endpointName: 'dev', observationId: 'c0ffee', ticket: 't1' };
const AT = { path: '/3303/0', nowMs: 5_000, sequence: 7 };
const GENERIC = 'io.zeelos.leshan.avro.response.AvroGenericResponse';

function value(path: string, held: number, timestampMs?: number): TimedNode {
  const at = parsePath(path);
  return {
    path: at,
    timestampMs,
    node: { kind: 'resource', id: at.resourceId!, value: { type: 'FLOAT', value: held } },
  };
}

const shape = ({ path, timestamp, seq, rep }: AvroResponseObserve) => [path, timestamp, seq, rep.code];

describe('records of values', () => {
  it('makes one of each path and time, in the time of the value where it has one', () => {
    const { values } = recordingValues();
    const content = {
      values: [value('/3303/0/5700', 1, 100.9), value('/3303/0/5700', 2), value('/3/0/9', 3)],
      faults: [],
    };
    const records = values.ofContent(OWNER, content, AT).map(plainRecord);
    assert.deepEqual(records.map(shape), [
      ['/3303/0/5700', 100, { long: 7 }, 'CONTENT'],
      ['/3303/0/5700', 5_000, { long: 7 }, 'CONTENT'],
      ['/3/0/9', 5_000, { long: 7 }, 'CONTENT'],
    ]);
    const [first] = records;
    assert.deepEqual([first!.ticket, first!.observationId, first!.ep, first!.serverId], ['t1', 'c0ffee', 'dev', 'gw']);
  });

  it('gives a sent value with a time of its own no seq, so that sent again it is the same point', () => {
    const { values } = recordingValues();
    const content = { values: [value('/3303/0/5700', 1, 100), value('/3303/0/5700', 2)], faults: [] };
    const records = values.ofContent({ ...OWNER, observationId: SENT }, content, AT).map(plainRecord);
    assert.deepEqual(
      records.map(({ seq }) => seq),
      [null, { long: 7 }],
    );
  });

  it('names faults in one record beside the good values, and counts them', () => {
    const { values, counters } = recordingValues();
    const faults = Array.from({ length: 7 }, (_, n) => new PlatformError('LWM2M_CONTENT', `fault ${n}`));
    const records = values.ofContent(OWNER, { values: [value('/3303/0/5700', 1)], faults }, AT).map(plainRecord);
    assert.deepEqual(records.map(shape), [
      ['/3303/0/5700', 5_000, { long: 7 }, 'CONTENT'],
      ['/3303/0', 5_000, { long: 7 }, 'UNKNOWN'],
    ]);
    const body = records[1]!.rep.body as Record<string, { message: string }>;
    assert.match(body[GENERIC]!.message, /^LWM2M_CONTENT: fault 0; .*fault 4; and 2 more$/);
    assert.equal(counters.content_faults, 7);
  });

  it('makes a record of a message without values too: it was acknowledged', () => {
    const { values } = recordingValues();
    const records = values.ofContent(OWNER, { values: [], faults: [] }, AT).map(plainRecord);
    assert.deepEqual(records.map(shape), [['/3303/0', 5_000, { long: 7 }, 'CONTENT']]);
    assert.equal(records[0]!.rep.body, null);
  });

  it('records the reason in place of what fits no record', () => {
    const { values, counters } = recordingValues();
    const path = parsePath('/3/0/0');
    const text: TimedNode = {
      path,
      timestampMs: undefined,
      node: { kind: 'resource', id: 0, value: { type: 'STRING', value: 'x'.repeat(900_000) } },
    };
    const [record] = values.ofContent(OWNER, { values: [text], faults: [] }, AT).map(plainRecord);
    assert.equal(record!.rep.code, 'UNKNOWN');
    assert.match((record!.rep.body as Record<string, { message: string }>)[GENERIC]!.message, /^KAFKA_REFUSED/);
    assert.equal(counters.notifications_undecodable, 1);
  });

  it('tells listeners of each record, of a Send as such', () => {
    const { values, events } = recordingValues();
    const told: ServerEvent[] = [];
    events.listen((event) => told.push(event));
    const content = { values: [value('/3303/0/5700', 1)], faults: [] };
    values.ofContent(OWNER, content, AT);
    values.ofContent({ ...OWNER, observationId: SENT }, content, AT);
    assert.deepEqual(
      told.map(({ kind }) => kind),
      ['notification', 'send'],
    );
  });

  it('numbers a notification by its Observe value and message id', () => {
    assert.equal(sequenceOf(2, 5), 2 * 65_536 + 5);
    assert.equal(sequenceOf(undefined, 65_535), 65_535);
  });
});
