import { close } from './mocha-run.ts';
import { quick } from './quick.ts';

close(await quick());
