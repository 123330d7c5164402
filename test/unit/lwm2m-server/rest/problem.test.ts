import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import { HttpError, problemOf } from '../../../../lwm2m-server/rest/problem.ts';

describe('REST: problems', () => {
  it('says with which status each kind of error goes out, and whether to try again', () => {
    const of = (error: unknown) => {
      const { status, code, retriable } = problemOf(error);
      return [status, code, retriable];
    };
    assert.deepEqual(of(new PlatformError('LWM2M_PATH', 'x')), [400, 'LWM2M_PATH', false]);
    assert.deepEqual(of(new PlatformError('LWM2M_NOT_REGISTERED', 'x')), [404, 'LWM2M_NOT_REGISTERED', true]);
    assert.deepEqual(of(new PlatformError('COAP_QUEUE_FULL', 'x')), [429, 'COAP_QUEUE_FULL', true]);
    assert.deepEqual(of(new PlatformError('COAP_TIMEOUT', 'x')), [504, 'COAP_TIMEOUT', true]);
    for (const code of ['KAFKA_UNAVAILABLE', 'KAFKA_BACKLOG_FULL', 'SHUTTING_DOWN', 'COAP_CANCELLED'] as const)
      assert.deepEqual(of(new PlatformError(code, 'x')), [503, code, true]);
    assert.deepEqual(of(new HttpError(418, 'LWM2M_REFUSED', 'x')), [418, 'LWM2M_REFUSED', false]);
    assert.deepEqual(of(Object.assign(new Error('x'), { statusCode: 413 })), [413, 'HTTP_REQUEST', false]);
  });

  it('keeps the text of an unknown error inside', () => {
    for (const error of [
      new Error('a secret'),
      'a secret',
      Object.assign(new Error('a secret'), { statusCode: 500 }),
    ]) {
      const problem = problemOf(error);
      assert.deepEqual([problem.status, problem.code], [500, 'INTERNAL']);
      assert.equal(JSON.stringify(problem).includes('secret'), false);
    }
  });

  it('carries what the device said', () => {
    const device = { code: 'NOT_FOUND', message: 'nothing there' };
    assert.deepEqual(problemOf(new HttpError(404, 'LWM2M_REFUSED', 'x', device)).device, device);
    assert.equal('device' in problemOf(new PlatformError('INTERNAL', 'x')), false);
  });
});
