import { leshanSuite } from './leshan-suite.ts';
import { Matrix } from './matrix.ts';

describe('Leshan 2.0.0-M15', function () {
  this.timeout(60_000);
  const matrix = new Matrix({
    id: '2-leshan-2.0',
    title: 'Leshan 2.0.0-M15 (LwM2M 1.1)',
    about: 'Client libraries of Eclipse Leshan from Maven Central, on Californium 3.12.',
  });
  leshanSuite({
    line: 'v2',
    version: '1.1',
    endpoint: 'leshan-2.0',
    speaks: new Set(['TLV', 'JSON_CODE', 'TEXT_CODE', 'OPAQUE_CODE', 'CBOR', 'SENML_JSON', 'SENML_CBOR']),
    refuses: {},
    matrix,
  });
});
