import { MODBUS_SETTINGS } from '../adapters/modbus/settings.ts';
import { MODBUS_SIMULATOR_SETTINGS, SIMULATOR_SETTINGS } from '../adapters/simulator/settings.ts';
import { CONNECT_SETTINGS } from '../connectors/worker/settings.ts';
import { LWM2M_SERVER_SETTINGS } from '../lwm2m-server/settings.ts';
import { REPLICATOR_SETTINGS } from '../replicator/settings.ts';
import { STREAM_SETTINGS } from '../streams/settings.ts';
import { type Command, command, EXIT, service } from './command.ts';
import { GRAPH_SETTINGS } from './graph-settings.ts';
import { REPLAY_SETTINGS } from './replay-settings.ts';
import { REQUEST_SETTINGS } from './request-settings.ts';
import { SMOKE_SETTINGS } from './smoke-settings.ts';
import { STATUS_SETTINGS } from './status-settings.ts';
import { TAIL_SETTINGS } from './tail-settings.ts';
import { UP_SETTINGS } from './up-settings.ts';

/** Every sub-command by name. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  up: command({
    about:
      'runs everything on this machine: real servers, one gateway, the cloud and a few devices; the same as npm start',
    settings: UP_SETTINGS,
    run: async (settings, context) => (await import('./up.ts')).up(settings, context),
  }),
  status: command({
    about: 'shows what runs, what each topic and store holds, what waits to be copied, and the newest values',
    settings: STATUS_SETTINGS,
    run: async (settings, context) => (await import('./status.ts')).status(settings, context),
  }),
  graph: command({
    about: 'prints what one gateway has as a tree: devices, objects, resources; or the rows of a saved query',
    operands: '<gateway> | --query <name>',
    settings: GRAPH_SETTINGS,
    examples: [
      'zeelos graph gw1',
      'zeelos graph gw1 --depth resources --json',
      'zeelos graph --query has-object --param object=3303',
    ],
    run: async (settings, context, operands) => (await import('./graph.ts')).graph(settings, context, operands),
  }),
  'lwm2m-server': service(
    'the LwM2M server of one gateway, with its bridge to Kafka',
    LWM2M_SERVER_SETTINGS,
    async () => (await import('../lwm2m-server/main.ts')).main,
  ),
  replicator: service(
    'copies topics between the Kafka of a gateway and that of the cloud, both ways',
    REPLICATOR_SETTINGS,
    async () => (await import('../replicator/main.ts')).main,
  ),
  stream: command({
    about: 'runs one analysis over the observations of a gateway: counts, maxper30sec, downsample, alarms or singles',
    operands: '<analysis>',
    settings: STREAM_SETTINGS,
    examples: [
      'zeelos stream maxper30sec --gateway-id gw1 --kafka-brokers 127.0.0.1:9082 --registry-url http://127.0.0.1:8081/apis/ccompat/v7',
    ],
    run: async (settings, context, operands) => {
      await (await import('../streams/main.ts')).main(operands[0], settings, context);
      return EXIT.ok;
    },
  }),
  connect: service(
    "runs connectors between Kafka and stores, with Kafka Connect's REST interface",
    CONNECT_SETTINGS,
    async () => {
      const { connectMain } = await import('../connectors/worker/connect.ts');
      const { graphModels } = await import('./graph-models.ts');
      return async (settings, context) => {
        const models = await graphModels(settings.modelsDir, context.log);
        await connectMain(settings, { ...context, models });
      };
    },
  ),
  modbus: service(
    'shows Modbus units as LwM2M devices',
    MODBUS_SETTINGS,
    async () => (await import('../adapters/modbus/main.ts')).main,
  ),
  simulate: service(
    'runs simulated LwM2M devices',
    SIMULATOR_SETTINGS,
    async () => (await import('../adapters/simulator/main.ts')).main,
  ),
  'simulate-modbus': service(
    'runs a Modbus TCP server with a few units whose registers change',
    MODBUS_SIMULATOR_SETTINGS,
    async () => (await import('../adapters/simulator/modbus-server.ts')).main,
  ),
  tail: command({
    about: 'prints the records of a topic as they come, decoded, one JSON line each',
    operands: '<topic>',
    settings: TAIL_SETTINGS,
    examples: ['zeelos tail iot.gw1.observations', 'zeelos tail iot.gw1.registrations --from-beginning --limit 10'],
    run: async (settings, context, operands) => (await import('./tail.ts')).tail(settings, context, operands),
  }),
  replay: command({
    about: 'sends the records of a dead-letter topic back to the topics that they came from',
    operands: '<topic>.dlq',
    settings: REPLAY_SETTINGS,
    examples: [
      'zeelos replay iot.gw1.observations.dlq --kafka-brokers 127.0.0.1:9092 --dry-run',
      'zeelos replay iot.gw1.observations.dlq --kafka-brokers 127.0.0.1:9092 --code SINK_REFUSED',
    ],
    run: async (settings, context, operands) => (await import('./replay.ts')).replay(settings, context, operands),
  }),
  request: command({
    about: 'sends a command to a device through Kafka, waits for its reply and prints it',
    operands: '<gateway> <endpoint> <kind> <path> [value] | --json <request or ->',
    settings: REQUEST_SETTINGS,
    examples: [
      'zeelos request gw1 sensor-1 read /3303/0/5700',
      'zeelos request gw1 sensor-1 write /1/0/6 false',
      'zeelos request gw1 sensor-1 execute /3303/0/5605',
      'zeelos request gw1 sensor-1 writeAttributes /3303/0/5700 "pmin=1&pmax=10"',
    ],
    run: async (settings, context, operands) => (await import('./request.ts')).request(settings, context, operands),
  }),
  smoke: command({
    about:
      'drives the whole chain once with foreign devices, through an outage and kills, and prints what held as one JSON line',
    settings: SMOKE_SETTINGS,
    run: async (settings, context) => (await import('./smoke.ts')).smoke(settings, context),
  }),
};
