import type { ServerSite } from './server.ts';

export interface JvmOptions {
  readonly heapMegabytes: number;
  /** The quick compiler only: less memory and an earlier start, for servers that are not on a hot path. */
  readonly quickCompilerOnly?: boolean;
}

/** Options common to all our Java servers: a bounded heap, one collector thread, and an end instead of a half-dead process when memory runs out. */
export function jvmArgs(site: Pick<ServerSite, 'temporary'>, options: JvmOptions): string[] {
  return [
    `-Xmx${options.heapMegabytes}m`,
    '-XX:+UseSerialGC',
    '-XX:+ExitOnOutOfMemoryError',
    '-XX:-UsePerfData',
    ...(options.quickCompilerOnly ? ['-XX:TieredStopAtLevel=1'] : []),
    '-Djava.awt.headless=true',
    `-Djava.io.tmpdir=${site.temporary}`,
  ];
}
