/** One line for the person who waits: `influxdb  build  12 s  compiling libflux`. */
export interface ProgressLine {
  readonly server: string;
  readonly step: ProgressStep;
  /** A few words: what is being done, or how it ended. */
  readonly state: string;
  /** Since this server's start was asked for. */
  readonly elapsedMs: number;
}

export type ProgressStep = 'clean' | 'wait' | 'fetch' | 'build' | 'start' | 'ready' | 'stop' | 'ended' | 'failed';

export type Report = (step: ProgressStep, state: string) => void;

/** Lines of one step are passed on at most this often, so that a build with thousands of lines stays readable. */
const QUIET_MS = 2000;
const STATE_CHARACTERS = 100;

/** @param now ms, monotonic */
export function progressOf(
  server: string,
  onProgress: (line: ProgressLine) => void,
  now: () => number = () => performance.now(),
): Report {
  const startedAtMs = now();
  let lastStep: ProgressStep | undefined;
  let lastAtMs = Number.NEGATIVE_INFINITY;
  return (step, state) => {
    const nowMs = now();
    if (step === lastStep && nowMs - lastAtMs < QUIET_MS) return;
    lastStep = step;
    lastAtMs = nowMs;
    const shortState = state.length > STATE_CHARACTERS ? `${state.slice(0, STATE_CHARACTERS - 1)}…` : state;
    onProgress({ server, step, state: shortState, elapsedMs: Math.round(nowMs - startedAtMs) });
  };
}
