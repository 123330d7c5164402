import assert from 'node:assert/strict';
import { PlatformError } from '../../../common/errors.ts';
import {
  gatewayId,
  hostAndPorts,
  httpUrl,
  list,
  oneOf,
  port,
  text,
  wholeNumber,
  yesNo,
} from '../../../common/setting-types.ts';
import { flagOf, parseSettings, type SettingsTable, settingsHelp, variableOf } from '../../../common/settings.ts';

const TABLE = {
  gatewayId: { about: 'id', schema: gatewayId },
  edgeBrokers: { about: 'brokers', schema: hostAndPorts },
  flushSeconds: { about: 'seconds', schema: wholeNumber(1, 60).default(5) },
  note: { about: 'note', schema: text.optional() },
} as const satisfies SettingsTable;

const GOOD = ['--gateway-id', 'gw1', '--edge-brokers', 'a:1,b:2'];

/** The error's faults, one per item. */
function faultsOf(parse: () => unknown): string[] {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof PlatformError);
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.message.split('; ');
  }
  return assert.fail('no error');
}

describe('common/settings', () => {
  it('makes flag and variable from the name', () => {
    assert.equal(flagOf('edgeBrokers'), 'edge-brokers');
    assert.equal(variableOf('edgeBrokers'), 'ZEELOS_EDGE_BROKERS');
  });

  it('takes a repeatable flag as lines, and the last of any other', () => {
    const table = { word: { about: 'word', schema: text.optional(), isRepeatable: true }, one: TABLE.note } as const;
    const args = ['--word', 'a=1', '--one', 'x', '--word=b,2', '--one', 'y'];
    assert.deepEqual(parseSettings(table, { args, env: {} }).settings, { word: 'a=1\nb,2', one: 'y' });
    assert.deepEqual(parseSettings(table, { args: [], env: {} }).settings, { word: undefined, one: undefined });
  });

  it('takes flags before variables before defaults', () => {
    const env = { ZEELOS_GATEWAY_ID: 'fromEnv', ZEELOS_FLUSH_SECONDS: '7', PATH: '/bin' };
    const { settings, positionals } = parseSettings(TABLE, { args: [...GOOD, 'rest'], env });
    assert.deepEqual(settings, { gatewayId: 'gw1', edgeBrokers: ['a:1', 'b:2'], flushSeconds: 7, note: undefined });
    assert.deepEqual(positionals, ['rest']);
    assert.equal(parseSettings(TABLE, { args: GOOD, env: {} }).settings.flushSeconds, 5);
    const byFlag = parseSettings(TABLE, { args: [...GOOD, '--flush-seconds=9'], env });
    assert.equal(byFlag.settings.flushSeconds, 9);
  });

  it('reports all faults together, each with its setting', () => {
    const env = { ZEELOS_FLUSH_SECONDS: '61', ZEELOS_NOTE: '', ZEELOS_NO_SUCH: 'x' };
    const faults = faultsOf(() => parseSettings(TABLE, { args: ['--edge-brokers', 'nowhere'], env }));
    const named = ['gateway-id', 'edge-brokers', 'flush-seconds', 'note', 'ZEELOS_NO_SUCH'];
    assert.equal(faults.length, named.length);
    for (const name of named) assert.equal(faults.filter((fault) => fault.includes(name)).length, 1, name);
  });

  it('reports an unknown flag beside the other faults', () => {
    const env = { ZEELOS_GATEWAY_ID: 'gw1', ZEELOS_EDGE_BROKERS: 'a:1', ZEELOS_FLUSH_SECONDS: 'soon' };
    const faults = faultsOf(() => parseSettings(TABLE, { args: ['--gatewayid', 'x'], env }));
    assert.equal(faults.filter((fault) => fault.includes('--gatewayid')).length, 1);
    assert.equal(faults.filter((fault) => fault.includes('flush-seconds')).length, 1);
    assert.equal(faults.length, 2);
  });

  it('lets variables of other services and of every process pass', () => {
    const env = { ZEELOS_LOG_LEVEL: 'debug', ZEELOS_OTHER: 'x' };
    const parsed = parseSettings(TABLE, { args: GOOD, env, otherVariables: new Set(['ZEELOS_OTHER']) });
    assert.equal(parsed.settings.gatewayId, 'gw1');
  });

  it('never takes what is not quite a value', () => {
    const bad: [{ safeParse(value: unknown): { success: boolean } }, string[]][] = [
      [wholeNumber(1, 60), ['', ' 5', '5.0', '1e1', '-1', '0', '61', '0x10', '٣']],
      [port, ['65536', '-1', 'http']],
      [gatewayId, ['', 'a.b', 'a b', 'x'.repeat(65)]],
      [hostAndPorts, ['', 'host', 'host:', ':1', 'a:1,', 'a:1, b:2', 'a:123456']],
      [httpUrl, ['', 'ftp://x', 'localhost:80', 'http://', 'http://a b']],
      [yesNo, ['', 'true', '1', 'YES']],
      [oneOf('a', 'b'), ['', 'c', 'A']],
      [text, ['']],
    ];
    for (const [type, values] of bad) {
      for (const value of values) assert.equal(type.safeParse(value).success, false, JSON.stringify(value));
    }
  });

  it('turns text into values', () => {
    assert.equal(wholeNumber(1, 60).parse('60'), 60);
    assert.equal(port.parse('0'), 0);
    assert.deepEqual(hostAndPorts.parse('a:1'), ['a:1']);
    assert.equal(httpUrl.parse('http://h:1/x//'), 'http://h:1/x');
    assert.deepEqual(list.parse(' a, ,b '), ['a', 'b']);
    assert.deepEqual(list.parse(''), []);
    assert.deepEqual([yesNo.parse('yes'), yesNo.parse('no')], [true, false]);
  });

  it('tells of each setting for the help', () => {
    assert.deepEqual(
      settingsHelp(TABLE).map(({ flag, variable, standard }) => [flag, variable, standard]),
      [
        ['--gateway-id', 'ZEELOS_GATEWAY_ID', 'required'],
        ['--edge-brokers', 'ZEELOS_EDGE_BROKERS', 'required'],
        ['--flush-seconds', 'ZEELOS_FLUSH_SECONDS', '5'],
        ['--note', 'ZEELOS_NOTE', '–'],
      ],
    );
  });
});
