import assert from 'node:assert/strict';
import { percentile } from '../../../bench/percentile.ts';
import { spread } from '../../../bench/spread.ts';

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it('sorts, and takes the value that so many lie below', () => {
    assert.equal(percentile(hundred, 0.5), 51);
    assert.equal(percentile(hundred, 0.99), 100);
    assert.equal(percentile([...hundred, ...hundred, ...hundred], 0.99), 100);
    assert.equal(hundred[0], 100, 'the values stay in their order');
  });

  it('gives the largest for 1 and nothing without values', () => {
    assert.equal(percentile([3, 10, 2], 1), 10);
    assert.equal(percentile([10, 9], 0), 9);
    assert.ok(Number.isNaN(percentile([], 0.5)));
  });
});

describe('spread', () => {
  it('shows least, median and most, in short where all are alike', () => {
    assert.equal(spread([3, 1, 2]), '1 / **2** / 3');
    assert.equal(spread([0.1234, 0.1236]), '0.123 / **0.123** / 0.124');
    assert.equal(spread([205_381, 213_584, 164_123]), '164120 / **205380** / 213580');
    assert.equal(spread([7, 7]), '7');
    assert.equal(spread([]), '');
  });
});
