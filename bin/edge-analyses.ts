import { TOPICS, type TopicName } from '../schemas/topics.ts';

/** An analysis that runs at the edge beside the gateway's server, and how InfluxDB takes its results. */
interface EdgeAnalysis {
  /** Row of the topic table that takes its results; none for an analysis that only reports. */
  readonly output?: TopicName;
  /** What stands before FROM in the statement for InfluxDB, and behind it. */
  readonly kcql?: readonly [insert: string, more: string];
}

/** Fields of an observation of one value, with the names that Flatten gives them. */
const VALUE = 'rep.body.AvroReadResponseBody.content.AvroResource.value';
/** Becomes a float: the measurement of the observations has one field for both. */
export const INTEGER_VALUE = `${VALUE}.long`;

/**
 * What `zeelos up` may run at the edge. The greatest values are observations with paths of their own (`…-max`) and become points as those do;
 * the others have measurements of their own.
 */
export const EDGE_ANALYSES = {
  counts: {},
  maxper30sec: {
    output: 'maxPer30Seconds',
    kcql: [
      `INSERT INTO resources SELECT ${VALUE}.double AS value, ${INTEGER_VALUE} AS value`,
      'WITHTIMESTAMP timestamp WITHTAG (serverId, ep, path, rep.kind AS kind)',
    ],
  },
  downsample: {
    output: 'downsampled',
    kcql: [
      'INSERT INTO downsampled SELECT mean, min, max, count',
      'WITHTIMESTAMP windowStart WITHTAG (serverId, ep, path)',
    ],
  },
  alarms: {
    output: 'alarms',
    kcql: [
      'INSERT INTO alarms SELECT state, value, limit',
      'WITHTIMESTAMP timestamp WITHTAG (serverId, ep, path, rule, kind)',
    ],
  },
} as const satisfies Record<string, EdgeAnalysis>;

export type AnalysisName = keyof typeof EDGE_ANALYSES;
export const ANALYSIS_NAMES = Object.keys(EDGE_ANALYSES) as readonly AnalysisName[];

/** Each is a process with some 80 MB: one shows how results travel. */
export const DEFAULT_ANALYSES: readonly AnalysisName[] = ['maxper30sec'];

/** Topics with results, which go up and on to InfluxDB; whoever runs an analysis by hand finds them prepared. */
export function resultTopics(gatewayId: string): readonly string[] {
  return results().map(({ output }) => TOPICS[output].nameFor(gatewayId));
}

/** One statement for each topic of results. */
export function resultStatements(gatewayId: string): string {
  return results()
    .map(({ output, kcql: [insert, more] }) => `${insert} FROM ${TOPICS[output].nameFor(gatewayId)} ${more}`)
    .join(';\n');
}

function results(): readonly Required<EdgeAnalysis>[] {
  return Object.values<EdgeAnalysis>(EDGE_ANALYSES).filter(
    (analysis): analysis is Required<EdgeAnalysis> => analysis.output !== undefined && analysis.kcql !== undefined,
  );
}
