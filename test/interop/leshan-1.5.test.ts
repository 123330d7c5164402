import { leshanSuite } from './leshan-suite.ts';
import { ALL_FORMATS, type Format, Matrix } from './matrix.ts';

const SPOKEN: readonly Format[] = ['TLV', 'JSON_CODE', 'TEXT_CODE', 'OPAQUE_CODE'];
const ONLY_1_1 = { why: 'LwM2M 1.0 does not have it.' };

describe('Leshan 1.5.0', function () {
  this.timeout(60_000);
  const matrix = new Matrix({
    id: '1-leshan-1.5',
    title: 'Leshan 1.5.0 (LwM2M 1.0)',
    about: 'Client libraries of Eclipse Leshan from Maven Central, on Californium 2.8.',
  });
  leshanSuite({
    line: 'v1',
    version: '1.0',
    endpoint: 'leshan-1.5',
    speaks: new Set(SPOKEN),
    refuses: {
      'read resource instance': { ...ONLY_1_1, formats: SPOKEN, code: 'BAD_REQUEST' },
      'write resource instance': { ...ONLY_1_1, formats: SPOKEN, code: 'INTERNAL_SERVER_ERROR' },
      'observe resource instance': { ...ONLY_1_1, formats: SPOKEN, code: 'BAD_REQUEST' },
      'read-composite': { ...ONLY_1_1, formats: ALL_FORMATS, code: 'METHOD_NOT_ALLOWED' },
      'write-composite': { ...ONLY_1_1, formats: ALL_FORMATS, code: 'METHOD_NOT_ALLOWED' },
      'observe-composite': { ...ONLY_1_1, formats: ALL_FORMATS, code: 'METHOD_NOT_ALLOWED' },
      'write-attributes': {
        formats: [],
        code: 'INTERNAL_SERVER_ERROR',
        why: 'Leshan 1.5 clients do not have it, and answer 5.00.',
      },
    },
    matrix,
  });
});
