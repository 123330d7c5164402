import type { System } from '../../bin/system.ts';
import type { Log } from '../../common/log.ts';
import type { Findings } from './report.ts';
import type { Site } from './site.ts';

/** What every step of one smoke run works with. */
export interface Run {
  readonly system: System;
  readonly site: Site;
  readonly findings: Findings;
  /** The temporary folder that commands are typed in. */
  readonly folder: string;
  /** Aborted by Ctrl-C and at the deadline. */
  readonly signal: AbortSignal;
  readonly log: Log;
}
