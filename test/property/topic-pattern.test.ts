import assert from 'node:assert/strict';
import { createContext, Script } from 'node:vm';
import fc from 'fast-check';
import { TopicPattern } from '../../connectors/config/topic-pattern.ts';
import { resultOrCode } from './coded-errors.ts';

const atom = fc.constantFrom(
  'a',
  'b',
  '.',
  '\\.',
  '-',
  '\\d',
  '\\w',
  '\\D',
  '\\W',
  '[ab]',
  '[^a-c.]',
  '[\\d_-]',
  '^',
  '$',
);
/** Expressions that both know, one inside the other. */
const expression = fc.letrec<{ choice: string; sequence: string; part: string }>((tie) => ({
  choice: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((all) => all.join('|')),
  sequence: fc.array(tie('part'), { maxLength: 4 }).map((all) => all.join('')),
  part: fc
    .tuple(
      fc.oneof(
        { maxDepth: 3 },
        { arbitrary: atom, weight: 4 },
        { arbitrary: tie('choice').map((one) => `(${one})`), weight: 1 },
        { arbitrary: tie('choice').map((one) => `(?:${one})`), weight: 1 },
      ),
      fc.constantFrom('', '', '*', '+', '?', '*?', '{2}', '{1,}', '{0,2}', '{2,3}?'),
    )
    // An assertion is not repeated: JavaScript refuses that.
    .map(([one, times]) => (one === '^' || one === '$' ? one : one + times)),
})).choice;
const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '.', '-', '_'), maxLength: 8 });

const judgement = new Script("new RegExp('^(?:' + text + ')$').test(name)");
const bench = createContext({ text: '', name: '' });

/** What JavaScript says; undefined when it would take too long about it. */
function judged(text: string, one: string): boolean | undefined {
  Object.assign(bench, { text, name: one });
  try {
    return judgement.runInContext(bench, { timeout: 200 }) as boolean;
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'ERR_SCRIPT_EXECUTION_TIMEOUT');
    return undefined;
  }
}

describe('expressions for topics', () => {
  it('match what JavaScript matches', () => {
    fc.assert(
      fc.property(expression, fc.array(name, { minLength: 5, maxLength: 10 }), (text, names) => {
        fc.pre(text.length <= 300);
        const pattern = new TopicPattern(text);
        for (const one of names) {
          const expected = judged(text, one);
          if (expected !== undefined) assert.equal(pattern.matches(one), expected, `/${text}/ on "${one}"`);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('give a coded error for any other text, and end on any name', () => {
    const noise = fc.string({ unit: fc.constantFrom(...'ab.\\d[]^-(){},?:*+|$1é'), maxLength: 40 });
    fc.assert(
      fc.property(noise, name, (text, one) => {
        resultOrCode(['CONFIG_INVALID'], () => new TopicPattern(text).matches(one));
      }),
      { numRuns: 5_000 },
    );
  });
});
