import assert from 'node:assert/strict';
import { ERROR_CODES, type ErrorCode, hasCode, isRetriable, messageOf, PlatformError } from '../../../common/errors.ts';
import { brokerErrorType, hasLostSequence, kafkaError } from '../../../common/kafka/errors.ts';

describe('common/errors', () => {
  it('carries code, details and cause, and takes from the table whether to try again', () => {
    const cause = new Error('why');
    const error = new PlatformError('KAFKA_UNAVAILABLE', 'gone', { details: { port: 1 }, cause });
    assert.deepEqual(
      [error.code, error.details, error.cause, error.retriable],
      ['KAFKA_UNAVAILABLE', { port: 1 }, cause, true],
    );
    assert.equal('cause' in new PlatformError('INTERNAL', 'x'), false);
    assert.ok(error instanceof Error);
  });

  it('knows its codes and nothing else', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const error = new PlatformError(code, 'x');
      assert.equal(isRetriable(error), ERROR_CODES[code].retriable);
      assert.equal(hasCode(error, code), true);
    }
    const alike = Object.assign(new Error('x'), { code: 'KAFKA_UNAVAILABLE', retriable: true });
    assert.deepEqual([isRetriable(alike), hasCode(alike, 'KAFKA_UNAVAILABLE')], [false, false]);
    assert.equal(isRetriable(undefined), false);
  });

  it('has a code in capitals, a meaning and a remedy in every row', () => {
    for (const [code, { meaning, remedy }] of Object.entries(ERROR_CODES)) {
      assert.match(code, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
      assert.ok(meaning.length > 10 && remedy.length > 3, code);
    }
  });

  it('gives the text of anything thrown', () => {
    assert.deepEqual([new Error('a'), 'b', undefined, 5].map(messageOf), ['a', 'b', 'undefined', '5']);
  });
});

describe('common/kafka/errors', () => {
  const broker = (type: string, depth: number): unknown =>
    depth === 0 ? Object.assign(new Error(type), { type }) : { message: 'wrapped', cause: broker(type, depth - 1) };

  it('finds what the broker said below what kafkajs wraps around it', () => {
    assert.equal(brokerErrorType(broker('MESSAGE_TOO_LARGE', 0)), 'MESSAGE_TOO_LARGE');
    assert.equal(brokerErrorType(broker('MESSAGE_TOO_LARGE', 3)), 'MESSAGE_TOO_LARGE');
    assert.equal(brokerErrorType(new Error('connect ECONNREFUSED')), undefined);
    assert.equal(brokerErrorType(undefined), undefined);
    const circle: { cause?: unknown } = {};
    circle.cause = circle;
    assert.equal(brokerErrorType(circle), undefined);
  });

  it('takes a refusal for good as one and everything else as an outage', () => {
    assert.equal(kafkaError(broker('MESSAGE_TOO_LARGE', 1), 'x').code, 'KAFKA_REFUSED');
    assert.equal(kafkaError(broker('TOPIC_AUTHORIZATION_FAILED', 0), 'x').code, 'KAFKA_REFUSED');
    for (const outage of ['NOT_LEADER_FOR_PARTITION', 'REQUEST_TIMED_OUT']) {
      assert.equal(kafkaError(broker(outage, 1), 'x').code, 'KAFKA_UNAVAILABLE');
    }
    const missing = kafkaError(broker('UNKNOWN_TOPIC_OR_PARTITION', 1), 'x');
    assert.deepEqual([missing.code, missing.retriable], ['KAFKA_NO_TOPIC', true]);
    assert.equal(kafkaError(new Error('socket'), 'x').code, 'KAFKA_UNAVAILABLE');
    const own = new PlatformError('SHUTTING_DOWN', 'x');
    assert.equal(kafkaError(own, 'x'), own);
  });

  it('knows after which errors a producer must start over', () => {
    assert.equal(hasLostSequence(broker('UNKNOWN_PRODUCER_ID', 1)), true);
    assert.equal(hasLostSequence(broker('OUT_OF_ORDER_SEQUENCE_NUMBER', 0)), true);
    assert.equal(hasLostSequence(broker('REQUEST_TIMED_OUT', 0)), false);
  });
});
