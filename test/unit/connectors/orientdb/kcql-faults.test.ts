import assert from 'node:assert/strict';
import { checkConfig } from '../../../../connectors/config/connector-classes.ts';
import { parseKcql } from '../../../../connectors/kcql/parse.ts';
import { orientFaultsOf } from '../../../../connectors/orientdb/kcql-faults.ts';

describe('KCQL for OrientDB, checked before it runs', () => {
  const right = [
    'UPSERT INTO Meters SELECT * FROM t PK site, number',
    `INSERT INTO Meters_$${'{yyyyMM}'} SELECT a FROM t WITHTIMESTAMP at TIMESTAMPUNIT = SECONDS`,
    'UPSERT INTO One SELECT a FROM t PK a; UPSERT INTO One SELECT b AS a FROM u PK a; INSERT INTO Two SELECT a FROM t',
    'INSERT INTO All SELECT * FROM `*`',
  ];
  for (const kcql of right) it(`takes ${kcql}`, () => assert.deepEqual(orientFaultsOf(parseKcql(kcql)), []));

  const wrong: Readonly<Record<string, string>> = {
    'UPSERT INTO Meters SELECT a FROM t': 'line 1, column 1: expected PK with UPSERT',
    'INSERT INTO Endpoints SELECT a FROM t': 'line 1, column 1: expected a class that is none of our own',
    'INSERT INTO connectorwrites SELECT a FROM t': 'line 1, column 1: expected a class that is none of our own',
    'INSERT INTO OUser SELECT a FROM t': 'line 1, column 1: expected the name of a vertex class',
    'INSERT INTO `a b` SELECT a FROM t': 'line 1, column 1: expected the name of a vertex class',
    [`INSERT INTO M$${'{yyyy-MM}'} SELECT a FROM t`]: 'line 1, column 1: expected the name of a vertex class',
    'INSERT INTO M SELECT a FROM t WITHTAG (b)': 'line 1, column 1: expected no WITHTAG',
    'INSERT INTO M SELECT a FROM t WITHTIMESTAMP b': 'line 1, column 1: expected a target with a date',
    'INSERT INTO M SELECT a,\n  b AS `x.y` FROM t': 'line 2, column 3: expected AS with a name',
    'INSERT INTO M SELECT a AS _offset FROM t': 'line 1, column 22: expected AS with a name',
    'UPSERT INTO M SELECT a FROM t PK a;\nUPSERT INTO m SELECT b FROM u PK b': 'line 2, column 1: expected the same PK',
    'INSERT INTO M SELECT a FROM t; INSERT INTO M SELECT b FROM t':
      'line 1, column 32: expected PK where two statements',
  };
  for (const [kcql, start] of Object.entries(wrong)) {
    it(`says where ${JSON.stringify(kcql)} is wrong`, () => {
      const faults = orientFaultsOf(parseKcql(kcql));
      assert.equal(faults.length, 1, faults.join('; '));
      assert.ok(String(faults[0]).startsWith(start), String(faults[0]));
    });
  }

  it('is told under the name of the setting', () => {
    const config = {
      ...{ name: 'n', 'connector.class': 'OrientSinkConnector', topics: 'any.topic' },
      ...{ 'connect.orient.url': 'remote:h/d', 'connect.orient.user': 'u', 'connect.orient.password': 'p' },
    };
    const check = (kcql: string) => checkConfig({ ...config, 'connect.orient.kcql': kcql });
    assert.deepEqual([...check('UPSERT INTO M SELECT a FROM any.topic').faults.keys()], ['connect.orient.kcql']);
    assert.deepEqual([...check('UPSERT INTO M SELECT a FROM other PK a').faults.keys()], ['connect.orient.kcql']);
    assert.deepEqual([...check('').faults.keys()], ['topics']);
    const { faults, checked } = check('UPSERT INTO M SELECT a FROM any.topic PK a');
    assert.deepEqual([...faults], []);
    assert.ok(checked?.kind === 'orientSink' && checked.statements.length === 1);
  });
});
