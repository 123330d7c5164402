import { deepEqual, equal, throws } from 'node:assert/strict';
import { RecordCursor } from '../../../../../common/kafka/batch/records.ts';

const CORRUPT = { code: 'RECORD_BATCH_CORRUPT' };
const EMPTY_KEY_AND_VALUE = [1, 1, 0];

function cursorOver(bytes: readonly number[], count = 1): RecordCursor {
  const cursor = new RecordCursor();
  cursor.reset(Buffer.from(bytes), 0, bytes.length, count);
  return cursor;
}

/** One record without key, value and headers, with this delta of its timestamp. */
function timestampDelta(varlong: readonly number[]): RecordCursor {
  const cursor = cursorOver([2 * (varlong.length + 5), 0, ...varlong, 0, ...EMPTY_KEY_AND_VALUE]);
  equal(cursor.next(), true);
  equal(cursor.next(), false);
  return cursor;
}

const ones = (count: number) => Array.from({ length: count }, () => 0xff);

describe('common/kafka/batch/records', () => {
  it('finds the parts of a record', () => {
    // length 17, attributes 7, timestamp -3, offset 64, key "ab", value "xyz", one header "h" without a value
    const bytes = [99, 34, 7, 5, 0x80, 1, 4, 97, 98, 6, 120, 121, 122, 2, 2, 104, 1, 99];
    bytes[1] = 2 * (bytes.length - 3);
    const cursor = new RecordCursor();
    cursor.reset(Buffer.from(bytes), 1, bytes.length - 1, 1);
    equal(cursor.next(), true);
    deepEqual([cursor.attributes, cursor.timestampDelta, cursor.offsetDelta, cursor.isFar], [7, -3, 64, false]);
    deepEqual([cursor.bodyStart, cursor.bodyEnd], [6, bytes.length - 1]);
    deepEqual([cursor.keyStart, cursor.keyLength, cursor.valueStart, cursor.valueLength], [7, 2, 10, 3]);
    equal(cursor.next(), false);
  });

  it('tells none from empty', () => {
    const cursor = cursorOver([12, 0, 0, 0, 1, 0, 0, 12, 0, 0, 2, 0, 1, 0], 2);
    cursor.next();
    deepEqual([cursor.keyLength, cursor.valueLength], [-1, 0]);
    cursor.next();
    deepEqual([cursor.keyLength, cursor.valueLength, cursor.offsetDelta], [0, -1, 1]);
    equal(cursor.next(), false);
  });

  it('reads deltas of timestamps exactly, up to 64 bits', () => {
    equal(timestampDelta([0x80, 1]).timestampDelta, 64);
    equal(timestampDelta([...ones(7), 0x0f]).timestampDelta, -(2 ** 52));
    equal(timestampDelta([...ones(7), 0x0f]).isFar, false);
    const far = timestampDelta([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
    deepEqual([far.isFar, far.farTimestampDelta], [true, 2n ** 52n]);
    equal(timestampDelta([...ones(9), 1]).farTimestampDelta, -(2n ** 63n));
    equal(timestampDelta([0xfe, ...ones(8), 1]).farTimestampDelta, 2n ** 63n - 1n);
  });

  const faults: Readonly<Record<string, readonly number[]>> = {
    'nothing where a record is due': [],
    'a length that goes beyond the section': [14, 0, 0, 0, 1, 1, 0],
    'a negative length': [11, 0, 0, 0, 1, 1, 0],
    'a length of 0': [0],
    'a length of more than five bytes': [...ones(5), 1, 0, 0, 0, 1, 1, 0],
    'a length that is cut short': [0x80],
    'a timestamp of more than ten bytes': [32, 0, ...ones(10), 1, 0, 1, 1, 0],
    'a timestamp that is cut short': [4, 0, 0x80],
    'an offset that goes beyond the record': [6, 0, 0, 0x80, 1, 1, 1, 0],
    'a key longer than its record': [12, 0, 0, 0, 0x7e, 1, 0],
    'a key of nearly 2^31 bytes': [20, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f, 1, 0],
    'a value longer than its record': [12, 0, 0, 0, 1, 4, 0],
    'a header without a key': [16, 0, 0, 0, 1, 1, 2, 1, 0],
    'a header beyond the record': [14, 0, 0, 0, 1, 1, 2, 2],
    'a negative number of headers': [12, 0, 0, 0, 1, 1, 1],
    'more headers than bytes': [20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f],
    'bytes behind the headers': [14, 0, 0, 0, 1, 1, 0, 0],
    'bytes behind the last record': [12, 0, 0, 0, 1, 1, 0, 0],
  };
  for (const [name, bytes] of Object.entries(faults)) {
    it(`refuses ${name}`, () => {
      const cursor = cursorOver(bytes);
      throws(() => {
        while (cursor.next());
      }, CORRUPT);
    });
  }
});
