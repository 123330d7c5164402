import assert from 'node:assert/strict';
import { ERROR_CODES, type ErrorCode, PlatformError } from '../../../../common/errors.ts';
import {
  codeName,
  deviceRefusal,
  failure,
  inWords,
  isSuccess,
  unreadableAnswer,
} from '../../../../lwm2m-server/operation/outcome.ts';

const GENERIC = 'io.zeelos.leshan.avro.response.AvroGenericResponse';
const message = (body: unknown): string => (body as Record<string, { message: string }>)[GENERIC]!.message;

describe('lwm2m-server/operation/outcome', () => {
  it('names the codes that the record knows, all others UNKNOWN', () => {
    const known = [
      '2.01',
      '2.02',
      '2.04',
      '2.05',
      '4.00',
      '4.01',
      '4.03',
      '4.04',
      '4.05',
      '4.06',
      '4.08',
      '4.12',
      '4.13',
      '4.15',
      '5.00',
    ];
    assert.equal(new Set(known.map(codeName)).size, 15);
    for (const code of known) assert.notEqual(codeName(code), 'UNKNOWN');
    for (const code of ['2.03', '2.31', '4.02', '4.29', '5.01', '5.03', '7.31'])
      assert.equal(codeName(code), 'UNKNOWN', code);
    assert.equal(isSuccess('2.31'), true);
    assert.equal(isSuccess('4.04'), false);
  });

  it('passes on the words of a device, at most 500 characters, else the code', () => {
    assert.equal(message(deviceRefusal('4.04', Buffer.from('no such thing')).body), 'no such thing');
    assert.equal(message(deviceRefusal('4.04', Buffer.alloc(0)).body), 'NOT_FOUND');
    assert.equal(message(deviceRefusal('5.03', Buffer.alloc(0)).body), 'UNKNOWN 5.03');
    assert.equal(message(deviceRefusal('4.00', Buffer.alloc(10_000, 'x')).body).length, 500);
    assert.equal(message(deviceRefusal('4.00', Buffer.from('ü'.repeat(5_000))).body), 'ü'.repeat(500));
    assert.equal(message(deviceRefusal('4.00', Buffer.from([0xff])).body), '\ufffd');
  });

  it('tells faults of the requester from failures on the way', () => {
    const bad = new Set(['LWM2M_PATH', 'LWM2M_REQUEST', 'LWM2M_ATTRIBUTES', 'LWM2M_CONTENT', 'LWM2M_CONTENT_FORMAT']);
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const outcome = failure(new PlatformError(code, 'x'));
      const expected = bad.has(code)
        ? 'BAD_REQUEST'
        : code === 'LWM2M_NOT_REGISTERED'
          ? 'NOT_FOUND'
          : 'INTERNAL_SERVER_ERROR';
      assert.equal(outcome.code, expected, code);
    }
    assert.equal(failure(new TypeError('secret path')).code, 'INTERNAL_SERVER_ERROR');
    assert.doesNotMatch(message(failure(new TypeError('secret path')).body), /secret/);
  });

  it('blames an unreadable answer on nobody who asked', () => {
    assert.equal(unreadableAnswer(new PlatformError('LWM2M_TLV', 'x')).code, 'INTERNAL_SERVER_ERROR');
    assert.deepEqual(inWords('CHANGED'), { code: 'CHANGED', body: { [GENERIC]: { message: 'CHANGED' } } });
  });
});
