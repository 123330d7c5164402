import assert from 'node:assert/strict';
import { decodeContent, encodeContent } from '../../../../lwm2m/content/codec.ts';
import { decodeComposite, decodeTimedContent, type TimedContent } from '../../../../lwm2m/content/timed-content.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { ObjectModels } from '../../../../lwm2m/model/object-models.ts';
import { parsePath } from '../../../../lwm2m/path.ts';
import { flatNode, type RecordVector, readVectors, recordPayload } from '../../../vectors/lwm2m-vectors.ts';

const models = coreObjectModels();
const none = new ObjectModels([]);
const NOW_MS = 1_700_000_000_000;

function read(vector: RecordVector): TimedContent {
  const known = vector.models === false ? none : models;
  const { format, path, nowMs = NOW_MS, rootPath } = vector;
  const payload = recordPayload(vector);
  return path === '/'
    ? decodeComposite(format, payload, undefined, known, nowMs, rootPath)
    : decodeTimedContent(format, payload, parsePath(path), known, nowMs, rootPath);
}

/** Rows of time, path, type and value, sorted: the order of values within one time says nothing. */
function rowsOf({ values }: TimedContent): unknown[] {
  return values
    .flatMap(({ node, path, timestampMs }) => flatNode(node, path).map((row) => [timestampMs ?? null, ...row]))
    .sort(byText);
}

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function expectedRows({ values }: RecordVector): unknown[] {
  const rows = Array.isArray(values) ? values : Object.entries(values).map(([path, value]) => [null, path, ...value]);
  return rows.sort(byText);
}

describe('content of records', () => {
  for (const vector of readVectors<RecordVector[]>('content-records')) {
    it(`reads ${vector.name} (${vector.source})`, () => {
      const content = read(vector);
      assert.deepEqual(content.faults, []);
      assert.deepEqual(rowsOf(content), expectedRows(vector));
    });
    if (vector.written !== true) continue;
    it(`writes ${vector.name} (${vector.source})`, () => {
      const path = parsePath(vector.path);
      const node = decodeContent(vector.format, recordPayload(vector), path, models, vector.rootPath);
      const written = encodeContent(vector.format, node, path, vector.rootPath);
      assert.equal(written.toString('hex'), recordPayload(vector).toString('hex'));
    });
  }

  for (const vector of readVectors<RecordVector[]>('content-refused')) {
    it(`refuses ${vector.name} (${vector.source})`, () => {
      assert.throws(() => read(vector), { code: 'LWM2M_CONTENT' });
    });
  }
});
