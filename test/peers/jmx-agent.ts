import { AssertionError } from 'node:assert';
import { join } from 'node:path';
import { hashOf, JAVA_PACKAGES, once, peerCacheDir, runTool } from './provision.ts';

const VERSION = '0.20.0';
const ARTIFACT = `io.prometheus.jmx:jmx_prometheus_javaagent:${VERSION}`;
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';

/** Prometheus' JMX agent. @returns the jar  @throws STACK_TOOL_MISSING, AssertionError when it cannot be fetched */
export async function provideJmxAgent(): Promise<string> {
  const folder = await once(join(peerCacheDir(), 'peers', hashOf([ARTIFACT])), async (draft) => {
    const args = ['-q', '-B', '--strict-checksums', COPY, `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${draft}`];
    const { failed, output } = await runTool('mvn', args, JAVA_PACKAGES);
    if (failed) throw new AssertionError({ message: output });
  });
  return join(folder, `jmx_prometheus_javaagent-${VERSION}.jar`);
}

/** Has a running JVM show its numbers on a port of loopback, as -javaagent does from its start. @param config file of the agent's rules */
export async function attachJmxAgent(pid: number, port: number, config: string): Promise<void> {
  const load = [String(pid), 'JVMTI.agent_load', await provideJmxAgent(), `127.0.0.1:${port}:${config}`];
  const { failed, output } = await runTool('jcmd', load, JAVA_PACKAGES);
  if (failed || !/return code: 0/.test(output)) throw new AssertionError({ message: output });
}
