import { type Counts, close, runMocha, runStep, testFiles } from './mocha-run.ts';
import { quick } from './quick.ts';

/** Everything that CI runs, from quick to slow, on real servers and foreign peers. It goes on after a failure, so that one run tells all. */
const counts: Counts[] = await quick();
counts.push(await runStep('servers and foreign devices: fetched and built where missing', ['test/provide.ts']));
counts.push(
  await runMocha(testFiles('test/lockstep/**/*.test.ts', 'test/integration/**/*.test.ts', 'test/interop/**/*.test.ts')),
);
counts.push(await runMocha(testFiles('test/faults/**/*.test.ts', 'test/regressions/**/*.test.ts')));
counts.push(await runStep('smoke: the whole chain with foreign devices, an outage and kills', ['test/smoke/main.ts']));
close(counts);
