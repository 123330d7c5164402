import assert from 'node:assert/strict';
import { connectorLines } from '../../../bin/connector-states.ts';

describe('bin/connector-states', () => {
  const line = (connector: string, ...tasks: readonly { state: string; trace?: string; waiting?: string }[]) =>
    connectorLines({ gw1_influxdb: { status: { connector: { state: connector }, tasks } } }).gw1_influxdb;

  it('says that a connector runs only when all of its tasks do', () => {
    assert.equal(line('RUNNING', { state: 'RUNNING' }, { state: 'RUNNING' }), 'RUNNING');
    assert.equal(line('RUNNING', { state: 'RUNNING' }, { state: 'UNASSIGNED' }), 'UNASSIGNED');
  });

  it('says what a task waits for, or what ended it', () => {
    assert.equal(line('RUNNING', { state: 'RUNNING', waiting: 'InfluxDB is away' }), 'RUNNING: InfluxDB is away');
    const trace = 'SINK_REFUSED: no\nCaused by: no bucket';
    assert.equal(line('RUNNING', { state: 'RUNNING' }, { state: 'FAILED', trace }), 'FAILED: SINK_REFUSED: no');
  });

  it('says what state a connector was put in', () => {
    assert.equal(line('PAUSED', { state: 'PAUSED' }), 'PAUSED');
    assert.equal(line('STOPPED'), 'STOPPED');
  });
});
