import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import type { OnCommitted, OutgoingRecord } from '../../../../common/kafka/committing-producer.ts';
import { createLog } from '../../../../common/log.ts';
import type { CoapRequest, ResponseToSend } from '../../../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import type { Outbox } from '../../../../lwm2m-server/bridge/outbox.ts';
import { SendInterface } from '../../../../lwm2m-server/operation/send-interface.ts';
import { Registrations } from '../../../../lwm2m-server/registration/registrations.ts';
import { sampleRegistration } from '../sample-registration.ts';
import { plainRecord, recordingValues } from './recording.ts';

const NOW_MS = 1_700_000_000_000;
const DEVICE = udpPeer('127.0.0.1', 5001);
const BELOW = udpPeer('127.0.0.1', 5002);
const SHARED = udpPeer('127.0.0.1', 5003);
const STRANGER = udpPeer('127.0.0.1', 5004);
const SENML_JSON = 110;
const VALUE = [{ n: '/3303/0/5700', v: 21.5 }];

function server() {
  let elapsedMs = 0;
  const { values, counters } = recordingValues();
  const registrations = new Registrations(10, () => elapsedMs);
  registrations.add(sampleRegistration('device', { peer: DEVICE, version: '1.1' }));
  const linkText = '</lwm2m>;rt="oma.lwm2m",</lwm2m/3303/0>';
  registrations.add(sampleRegistration('below', { peer: BELOW, version: '1.1' }, linkText));
  registrations.add(sampleRegistration('one', { peer: SHARED }));
  registrations.add(sampleRegistration('other', { peer: SHARED }));
  const kafka = { failingForMs: 0, refusal: undefined as PlatformError | undefined };
  const taken: { records: OutgoingRecord[]; onCommitted: OnCommitted }[] = [];
  const outbox = {
    failingForMs: () => kafka.failingForMs,
    appendAll: (records: OutgoingRecord[], onCommitted: OnCommitted) => {
      if (kafka.refusal !== undefined) throw kafka.refusal;
      taken.push({ records, onCommitted });
    },
  } as unknown as Outbox;
  const send = new SendInterface({
    isLooking: () => false,
    ...{ registrations, outbox, values, counters },
    models: coreObjectModels(),
    log: createLog('test', 'silent'),
    now: () => NOW_MS,
    elapsed: () => elapsedMs,
  });
  const answers: ResponseToSend[] = [];
  const receive = (body: unknown, more: Partial<CoapRequest> = {}) => {
    const payload = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    const request: CoapRequest = {
      peer: DEVICE,
      method: 'POST',
      path: ['dp'],
      query: [],
      contentFormat: SENML_JSON,
      token: Buffer.alloc(0),
      confirmable: true,
      messageId: 9,
      payload,
      ...more,
    };
    send.handle(request, (answer) => answers.push(answer));
    return answers.at(-1);
  };
  const pass = (ms: number) => {
    elapsedMs += ms;
    send.tick();
  };
  return { receive, answers, taken, counters, kafka, pass };
}

describe('the Send interface', () => {
  it('answers 2.04 when all records are committed, and not before', () => {
    const { receive, answers, taken, counters } = server();
    const bn = '/3303/0/';
    receive([
      { bn, n: '5700', t: 1_699_999_999, v: 1 },
      { n: '5700', t: 1_699_999_998, v: 2 },
      { n: '5701', vs: 'Cel' },
    ]);
    assert.deepEqual(answers, []);
    const records = taken[0]!.records.map(plainRecord);
    assert.deepEqual(
      records.map(({ ep, ticket, observationId, path, timestamp, seq, rep }) => [
        ep,
        ticket,
        observationId,
        path,
        timestamp,
        seq,
        rep.kind,
      ]),
      [
        ['device', 'unset', 'send', '/3303/0/5700', 1_699_999_998_000, null, 'observe'],
        ['device', 'unset', 'send', '/3303/0/5700', 1_699_999_999_000, null, 'observe'],
        ['device', 'unset', 'send', '/3303/0/5701', NOW_MS, { long: 9 * 65_536 }, 'observe'],
      ],
    );
    taken[0]!.onCommitted();
    assert.deepEqual(answers, [{ code: '2.04' }]);
    assert.deepEqual([counters.sends_recorded, counters.sends_acknowledged], [1, 1]);
  });

  it('records what can be read beside a fault that it names', () => {
    const { receive, answers, taken, counters } = server();
    receive([...VALUE, { n: '/3303/0/5701', v: 5 }]);
    const codes = taken[0]!.records.map((record) => plainRecord(record).rep.code);
    assert.deepEqual(codes, ['CONTENT', 'UNKNOWN']);
    assert.equal(counters.content_faults, 1);
    taken[0]!.onCommitted();
    assert.deepEqual(answers, [{ code: '2.04' }]);
  });

  it('takes names under the root path of the device', () => {
    const { receive, taken } = server();
    receive([{ n: '/lwm2m/3303/0/5700', v: 1 }], { peer: BELOW });
    assert.equal(plainRecord(taken[0]!.records[0]!).path, '/3303/0/5700');
  });

  const refusals: [string, unknown, Partial<CoapRequest>, string][] = [
    ['a stranger', VALUE, { peer: STRANGER }, '4.04'],
    ['an address that several endpoints share', VALUE, { peer: SHARED }, '4.00'],
    ['another method', VALUE, { method: 'GET' }, '4.05'],
    ['a longer path', VALUE, { path: ['dp', 'x'] }, '4.04'],
    ['a missing format', VALUE, { contentFormat: undefined }, '4.00'],
    ['an unknown format', VALUE, { contentFormat: 50_000 }, '4.15'],
    ['a format that names no paths', VALUE, { contentFormat: 11542 }, '4.15'],
    ['broken JSON', '[{', {}, '4.00'],
    ['no values', [], {}, '4.00'],
    ['an empty body', '', {}, '4.00'],
    ['nothing that can be read', [{ n: '/3303/0/5700', vs: 'x' }], {}, '4.00'],
    ['a name that is no path', [{ n: '/3303/x', v: 1 }], {}, '4.00'],
    ['a path without a resource', [{ n: '/3303/0', v: 1 }], {}, '4.00'],
  ];
  for (const [what, body, more, code] of refusals) {
    it(`answers ${what} with ${code} and records nothing`, () => {
      const { receive, taken, counters } = server();
      assert.equal(receive(body, more)?.code, code);
      assert.deepEqual([taken.length, counters.sends_refused], [0, 1]);
    });
  }

  it('refuses more values than one message may have', () => {
    const { receive, taken } = server();
    const many = Array.from({ length: 10_001 }, (_, n) => ({ n: '/3303/0/5700', t: 1_600_000_000 + n, v: n }));
    assert.equal(receive(many)?.code, '4.13');
    assert.equal(taken.length, 0);
  });

  it('tells a device to come back while Kafka takes nothing', () => {
    const { receive, kafka, counters, taken } = server();
    kafka.failingForMs = 60_000;
    const later = { code: '5.03', maxAgeSeconds: 30 };
    assert.deepEqual(receive(VALUE), later);
    kafka.failingForMs = 0;
    kafka.refusal = new PlatformError('KAFKA_BACKLOG_FULL', 'full');
    assert.deepEqual(receive(VALUE), later);
    assert.deepEqual([taken.length, counters.sends_shed, counters.sends_recorded], [0, 2, 0]);
  });

  it('tells it so too when a record is not committed, or not in time, once', () => {
    const { receive, answers, taken, pass, counters } = server();
    const later = { code: '5.03', maxAgeSeconds: 30 };
    receive(VALUE);
    taken[0]!.onCommitted(new PlatformError('SHUTTING_DOWN', 'stopping'));
    assert.deepEqual(answers, [later]);
    receive(VALUE);
    pass(3_999);
    assert.equal(answers.length, 1);
    pass(1);
    assert.deepEqual(answers, [later, later]);
    taken[1]!.onCommitted();
    assert.equal(answers.length, 2);
    assert.equal(counters.sends_shed, 2);
  });
});
