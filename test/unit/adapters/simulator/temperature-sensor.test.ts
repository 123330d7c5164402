import assert from 'node:assert/strict';
import { sine, TemperatureSensor, upwardTrend } from '../../../../adapters/simulator/temperature-sensor.ts';

describe('temperature sensor', () => {
  it('keeps the extremes of all readings since the reset', () => {
    const values = [20, 25, 15, 18];
    const sensor = new TemperatureSensor(
      (step) => values[step]!,
      () => 0.5 * Number.EPSILON,
    );
    const seen = [sensor.value];
    while (seen.length < values.length) {
      sensor.measure();
      seen.push(sensor.value);
    }
    assert.deepEqual([sensor.lowest, sensor.highest], [Math.min(...seen), Math.max(...seen)]);
    sensor.reset();
    assert.deepEqual([sensor.lowest, sensor.highest], [seen.at(-1), seen.at(-1)]);
  });

  it('rises on the trend and swings on the sine', () => {
    assert.ok(upwardTrend(900) > upwardTrend(0) + 10);
    assert.equal(upwardTrend(1_800), upwardTrend(0));
    assert.ok(sine(30) > sine(0) && sine(90) < sine(0));
  });

  it('reads in hundredths', () => {
    const sensor = new TemperatureSensor(sine, Math.random);
    assert.equal(sensor.value, Number(sensor.value.toFixed(2)));
  });
});
